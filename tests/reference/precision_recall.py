"""Precision, recall, density and coverage, ball by ball in float64."""

import math


def precision_recall(real, fake, k):
    real_radii, fake_radii = _radii(real, k), _radii(fake, k)
    precision = [
        any(math.dist(f, r) <= radius for r, radius in zip(real, real_radii, strict=True))
        for f in fake
    ]
    recall = [
        any(math.dist(r, f) <= radius for f, radius in zip(fake, fake_radii, strict=True))
        for r in real
    ]
    return sum(precision) / len(fake), sum(recall) / len(real)


def density_coverage(real, fake, k):
    hits, covered = 0, 0
    for row, radius in zip(real, _radii(real, k), strict=True):
        inside = sum(math.dist(row, f) < radius for f in fake)
        hits += inside
        covered += inside > 0
    return hits / (k * len(fake)), covered / len(real)


def _radii(rows, k):
    """Distance of every row from its k-th nearest other row."""
    return [
        sorted(math.dist(row, other) for j, other in enumerate(rows) if j != i)[k - 1]
        for i, row in enumerate(rows)
    ]
