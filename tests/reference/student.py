"""Student's t-distribution by Simpson's rule on its density."""

import math


def two_sided_probability(statistic, degrees, num_intervals=20000):
    """P(|T| ≥ |t|) = 1 − 2 ∫₀^|t| f(s) ds."""

    def density(value):
        logarithm = math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2)
        logarithm -= 0.5 * math.log(degrees * math.pi)
        return math.exp(logarithm - (degrees + 1) / 2 * math.log(1 + value * value / degrees))

    step = abs(statistic) / num_intervals
    total = density(0.0) + density(abs(statistic))
    for index in range(1, num_intervals):
        total += (4 if index % 2 else 2) * density(index * step)
    return 1.0 - 2.0 * total * step / 3.0
