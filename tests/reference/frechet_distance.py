"""Fréchet distance with sums written out and the root from the product's eigenvalues."""

import numpy as np


def moments(features):
    """Mean and covariance (of n − 1), entry by entry."""
    rows = np.asarray(features, np.float64)
    num_rows, size = rows.shape
    mean = [sum(row[a] for row in rows) / num_rows for a in range(size)]
    covariance = np.zeros((size, size))
    for a in range(size):
        for b in range(size):
            covariance[a, b] = sum((row[a] - mean[a]) * (row[b] - mean[b]) for row in rows)
    return np.array(mean), covariance / (num_rows - 1)


def distance_of_moments(mean_1, covariance_1, mean_2, covariance_2):
    """The trace of (Σ₁Σ₂)^½ is the sum of the roots of the product's eigenvalues."""
    eigenvalues = np.linalg.eigvals(covariance_1 @ covariance_2)
    root_trace = sum(np.sqrt(complex(value)).real for value in eigenvalues)
    squared = sum((a - b) ** 2 for a, b in zip(mean_1, mean_2, strict=True))
    return squared + np.trace(covariance_1) + np.trace(covariance_2) - 2.0 * root_trace


def frechet_distance(real, fake):
    return distance_of_moments(*moments(real), *moments(fake))
