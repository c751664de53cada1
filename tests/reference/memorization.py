"""Nearest neighbours and the shares of pairs, one pair at a time in float64."""

import math


def nearest_neighbours(queries, candidates):
    flat = [candidate.ravel().tolist() for candidate in candidates]
    found = []
    for query in queries:
        distances = [math.dist(query.ravel().tolist(), candidate) for candidate in flat]
        found.append((min(distances), distances.index(min(distances))))
    return found


def share_nearer(sample_distances, test_distances):
    total = 0.0
    for sample in sample_distances:
        for test in test_distances:
            total += 1.0 if sample < test else 0.5 if sample == test else 0.0
    return total / (len(sample_distances) * len(test_distances))
