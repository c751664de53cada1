"""Unbiased MMD² with the kernel (x·y / d + 1)³, pair by pair in float64."""


def kernel_distance(real, fake):
    """Of whole sets of equally many rows."""
    x = [[float(value) for value in row] for row in real]
    y = [[float(value) for value in row] for row in fake]
    n = len(x)
    within = across = 0.0
    for i in range(n):
        for j in range(n):
            across += _kernel(x[i], y[j])
            if i != j:
                within += _kernel(x[i], x[j]) + _kernel(y[i], y[j])
    return within / (n * (n - 1)) - 2.0 * across / n**2


def standard_error(real, fake):
    """First order: the variance of every row's mean kernel with its own set less the other."""
    variance = 0.0
    for own, other in ((real, fake), (fake, real)):
        projections = []
        for i, row in enumerate(own):
            within = [_kernel(row, second) for j, second in enumerate(own) if j != i]
            across = [_kernel(row, second) for second in other]
            projections.append(sum(within) / len(within) - sum(across) / len(across))
        mean = sum(projections) / len(projections)
        squares = sum((value - mean) ** 2 for value in projections)
        variance += 4.0 * squares / (len(own) - 1) / len(own)
    return variance**0.5


def _kernel(a, b):
    product = sum(first * second for first, second in zip(a, b, strict=True))
    return (product / len(a) + 1.0) ** 3
