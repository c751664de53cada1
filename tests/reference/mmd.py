"""Maximum mean discrepancies, pair by pair in float64."""

import numpy as np


def mmd(kernel, x, y):
    """Unbiased within the samples: no vector is paired with itself."""
    n = len(x)
    within = across = 0.0
    for i in range(n):
        for j in range(n):
            across += kernel(_squared_distance(x[i], y[j]))
            if i != j:
                within += kernel(_squared_distance(x[i], x[j]))
                within += kernel(_squared_distance(y[i], y[j]))
    return within / (n * (n - 1)) - 2.0 * across / n**2


def imq_mmd(x, y, base):
    total = 0.0
    for factor in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0):
        scale = factor * base
        total += mmd(lambda distance, scale=scale: scale / (scale + distance), x, y)
    return total


def rbf_mmd(x, y):
    variance = rbf_bandwidth(x, y)
    return mmd(lambda distance: np.exp(-distance / 2.0 / variance), x, y)


def rbf_bandwidth(x, y):
    n = len(x)
    across = sorted((_squared_distance(a, b) for a in x for b in y), reverse=True)
    within = sorted((_squared_distance(a, b) for a in x for b in x), reverse=True)
    m = (n * n - n) // 2
    return across[m - 1] + within[m - 1]


def _squared_distance(a, b):
    return float(np.sum((np.asarray(a, np.float64) - np.asarray(b, np.float64)) ** 2))
