"""Inception Score, picture by picture and class by class in float64."""

import math


def inception_score(probabilities, num_splits):
    """Mean and population deviation of exp(mean KL) over consecutive splits."""
    rows = [[float(value) for value in row] for row in probabilities]
    scores = []
    for split in range(num_splits):
        start = split * len(rows) // num_splits
        stop = (split + 1) * len(rows) // num_splits
        part = rows[start:stop]
        marginal = [sum(row[c] for row in part) / len(part) for c in range(len(part[0]))]
        divergence = 0.0
        for row in part:
            for conditional, mean in zip(row, marginal, strict=True):
                if conditional > 0:
                    divergence += conditional * math.log(conditional / mean)
        scores.append(math.exp(divergence / len(part)))
    mean = sum(scores) / num_splits
    return mean, math.sqrt(sum((score - mean) ** 2 for score in scores) / num_splits)
