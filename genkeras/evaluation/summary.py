"""What several training seeds say together, and which differences between models are real."""

import itertools

import numpy as np

from genkeras.metrics.intervals import NORMAL_QUANTILE
from genkeras.metrics.verdict import MIN_SEEDS, compare_samples, compare_seeds


def over_seeds(scores_by_seed):
    """Summarises the scores of one model's runs.

    Args:
        scores_by_seed: List of dicts of a name to a score as by `Score.to_json`, one dict
            per training seed.

    Returns:
        Dict of each name that all runs have to a dict with `title`, `higher_is_better`,
        `values` (one per seed), `mean`, `std_over_seeds` (sample standard deviation, `None`
        for one seed), `std` (mean of the definition's own, over splits or subsets),
        `corrected` and `interval` (`[low, high]`, 95 % over pictures, of the mean over
        these runs) and `standard_error` (of the interval; the mean of the runs' own, as
        all are held against the same test pictures: more seeds do not make it smaller).
    """
    first = scores_by_seed[0]
    names = [name for name in first if all(name in scores for scores in scores_by_seed)]
    return {name: _summary([scores[name] for scores in scores_by_seed]) for name in names}


def verdicts(models):
    """Compares every two models by every score that has a better side.

    With `MIN_SEEDS` training seeds or more of both models the spread between seeds decides
    which *model* is better; with fewer, the pictures' intervals only say whether these
    *runs* differ.

    Args:
        models: Dict of a model's name to its dict from `over_seeds`.

    Returns:
        List of dicts with `score`, `title`, `model`, `other`, `verdict` and `basis`
        (`"training seeds"` or `"pictures"`).
    """
    results = []
    for (model, scores), (other, other_scores) in itertools.combinations(models.items(), 2):
        for name, score in scores.items():
            matching = _matching(name, score, other_scores)
            if matching is None or score["higher_is_better"] is None:
                continue
            found = verdict(score, matching)
            if found is not None:
                results.append(
                    {"score": name, "title": score["title"], "model": model, "other": other}
                    | dict(zip(("verdict", "basis"), found, strict=True))
                )
    return results


def verdict(score, other):
    """Compares two summaries of the same score.

    Args:
        score, other: Dicts from `over_seeds`.

    Returns:
        Pair `(verdict, basis)`; `None` if there are too few seeds and no intervals.
    """
    if min(len(score["values"]), len(other["values"])) >= MIN_SEEDS:
        word = compare_seeds(score["values"], other["values"], score["higher_is_better"])
        return word, "training seeds"
    errors = score["standard_error"], other["standard_error"]
    if None in errors:
        return None
    centres = [
        entry["mean"] if entry["corrected"] is None else entry["corrected"]
        for entry in (score, other)
    ]
    return compare_samples(centres[0], errors[0], centres[1], errors[1]), "pictures"


def _matching(name, score, others):
    """Returns the other model's entry for the same score.

    Reproductions carry in their name how they were found, and are compared all the same.
    """
    if name in others:
        return others[name]
    return next((other for other in others.values() if other["title"] == score["title"]), None)


def _summary(scores):
    values = [score["value"] for score in scores]
    corrected = [score["corrected"] for score in scores]
    intervals = [score["interval"] for score in scores]
    stds = [score["std"] for score in scores]
    mean = float(np.mean(values))
    centre = None if None in corrected else float(np.mean(corrected))
    error, interval = None, None
    if None not in intervals:
        error = float(np.mean([interval["standard_error"] for interval in intervals]))
        interval = [intervals[0]["low"], intervals[0]["high"]]
        if len(scores) > 1:
            middle = mean if centre is None else centre
            half = NORMAL_QUANTILE * error
            interval = [middle - half, middle + half]
    return {
        "title": scores[0]["title"],
        "higher_is_better": scores[0]["higher_is_better"],
        "values": values,
        "mean": mean,
        "std_over_seeds": float(np.std(values, ddof=1)) if len(values) > 1 else None,
        "std": None if None in stds else float(np.mean(stds)),
        "corrected": centre,
        "interval": interval,
        "standard_error": error,
        "notes": sorted({note for score in scores for note in score["notes"]}),
    }
