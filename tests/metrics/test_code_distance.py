"""Distance of codes from the prior against hand numbers and a loop over pairs."""

import numpy as np
import pytest

from genkeras.metrics import distances
from genkeras.metrics.code_distance import IMQ_SCALES, code_distance
from tests.reference import mmd as reference


def test_two_pairs_by_hand():
    # Squared distances: 1 within the codes, 0 within the prior's draws, 4, 4, 9, 9 across.
    codes, draws = [[0.0], [-1.0]], [[2.0], [2.0]]
    expected = sum(
        scale / (scale + 1) + 1 - 2 * (scale / (scale + 4) + scale / (scale + 9)) / 2
        for scale in np.array([0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0]) * 3.0
    )
    assert code_distance(codes, draws, base_scale=3.0) == pytest.approx(expected)


def test_agreement_with_the_loop(monkeypatch):
    random = np.random.default_rng(0)
    codes, draws = 0.5 + random.normal(size=(23, 3)), random.normal(size=(23, 3))
    monkeypatch.setattr(distances, "BLOCK_SIZE", 100)
    expected = reference.imq_mmd(codes, draws, 6.0)
    assert code_distance(codes.astype(np.float32), draws, 6.0) == pytest.approx(expected, rel=1e-6)


def test_sets_of_two_sizes():
    # Within the three codes: 1, 1, 4; within the two draws: 25; across: 4, 9, 16, 1, 4, 9.
    codes, draws = [[0.0], [1.0], [-1.0]], [[2.0], [-3.0]]
    across = [4, 9, 1, 16, 9, 4]
    expected = sum(
        np.mean([s / (s + d) for d in (1, 1, 4)])
        + s / (s + 25)
        - 2 * np.mean([s / (s + d) for d in across])
        for s in IMQ_SCALES
    )
    assert code_distance(codes, draws, base_scale=1.0) == pytest.approx(expected)


def test_agreeing_codes_are_near_zero_on_both_sides_and_others_far():
    random = np.random.default_rng(0)
    agreeing = [
        code_distance(random.normal(size=(50, 2)), random.normal(size=(50, 2)), 4.0)
        for _ in range(60)
    ]
    assert min(agreeing) < 0 < max(agreeing)
    assert abs(np.mean(agreeing)) < 3.0 * np.std(agreeing) / np.sqrt(60)
    shifted, collapsed = 1.0 + random.normal(size=(50, 2)), np.zeros((50, 2))
    for codes in (shifted, collapsed):
        assert code_distance(codes, random.normal(size=(50, 2)), 4.0) > max(agreeing)


def test_what_are_no_codes_is_refused():
    codes = np.ones((3, 2))
    with pytest.raises(ValueError, match="prior_latents should be finite"):
        code_distance(codes, np.full((3, 2), np.nan), 1.0)
    with pytest.raises(ValueError, match="codes should have at least 2 rows"):
        code_distance(codes[:1], codes, 1.0)
    with pytest.raises(ValueError, match="same number of columns"):
        code_distance(codes, codes[:, :1], 1.0)
    with pytest.raises(ValueError, match="base_scale should be positive"):
        code_distance(codes, codes, 0.0)
