"""Measures of reproduction against hand numbers and loops over windows."""

import numpy as np
import pytest

from genkeras.metrics.reconstruction import (
    mean_squared_errors,
    peak_signal_to_noise_ratios,
    structural_similarities,
)
from tests.reference import reconstruction as reference


def _pictures(seed, shape):
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def test_errors_and_ratios_by_hand():
    black = np.zeros((3, 2, 2, 1), np.uint8)
    other = black.copy()
    other[1] = 255
    other[2, 0, 0] = 51
    # One of four pixels off by 0.2.
    np.testing.assert_allclose(mean_squared_errors(black, other), [0.0, 1.0, 0.01])
    ratios = peak_signal_to_noise_ratios(black, other)
    np.testing.assert_allclose(ratios, [np.inf, 0.0, 20.0], atol=1e-12)


def test_bytes_do_not_wrap():
    dark, bright = np.full((1, 1, 1, 1), 1, np.uint8), np.full((1, 1, 1, 1), 255, np.uint8)
    expected = (254 / 255) ** 2
    assert mean_squared_errors(dark, bright) == pytest.approx(expected)
    assert mean_squared_errors(bright, dark) == pytest.approx(expected)


@pytest.mark.parametrize("shape", [(3, 11, 11, 1), (2, 14, 12, 3)])
def test_agreement_with_the_loops(shape):
    originals = _pictures(0, shape)
    noise = np.random.default_rng(1).integers(-60, 61, shape)
    reproductions = np.clip(originals.astype(int) + noise, 0, 255).astype(np.uint8)
    pairs = list(zip(originals, reproductions, strict=True))
    for measure, slow in (
        (mean_squared_errors, reference.mean_squared_error),
        (peak_signal_to_noise_ratios, reference.peak_signal_to_noise_ratio),
        (structural_similarities, reference.structural_similarity),
    ):
        np.testing.assert_allclose(
            measure(originals, reproductions), [slow(*pair) for pair in pairs], rtol=1e-9
        )


def test_similarity_of_flat_pictures_by_hand():
    # Without contrast only the luminance term differs from 1.
    dark, bright = np.full((1, 12, 13, 1), 51, np.uint8), np.full((1, 12, 13, 1), 102, np.uint8)
    expected = (2 * 0.2 * 0.4 + 1e-4) / (0.2**2 + 0.4**2 + 1e-4)
    assert structural_similarities(dark, bright) == pytest.approx(expected)


def test_similarity_is_one_for_equal_pictures_and_falls_with_noise():
    originals = np.tile(np.arange(0, 240, 12, dtype=np.uint8)[:, None, None], (4, 1, 20, 3))
    noise = np.random.default_rng(1).integers(-20, 21, originals.shape)
    similarities = [
        structural_similarities(
            originals, np.clip(originals + amount * noise, 0, 255).astype(np.uint8)
        )
        for amount in (0, 1, 4)
    ]
    np.testing.assert_allclose(similarities[0], 1.0, rtol=1e-12)
    assert np.all(similarities[0] > similarities[1])
    assert np.all(similarities[1] > similarities[2])


def test_more_pictures_than_a_block_are_measured_one_by_one():
    originals, reproductions = _pictures(0, (1200, 11, 11, 1)), _pictures(1, (1200, 11, 11, 1))
    actual = structural_similarities(originals, reproductions)
    for index in (0, 1083, 1084, 1199):
        pair = originals[index : index + 1], reproductions[index : index + 1]
        assert actual[index] == pytest.approx(structural_similarities(*pair)[0], rel=1e-12)


@pytest.mark.parametrize(
    "measure", [mean_squared_errors, peak_signal_to_noise_ratios, structural_similarities]
)
def test_what_are_no_pairs_of_pictures_is_refused(measure):
    pictures = _pictures(0, (2, 12, 12, 1))
    with pytest.raises(ValueError, match="reproductions should be uint8"):
        measure(pictures, pictures / 255.0)
    with pytest.raises(ValueError, match="originals should be uint8"):
        measure(pictures[0], pictures)
    with pytest.raises(ValueError, match="same shape"):
        measure(pictures, pictures[:1])
    assert measure(pictures[:0], pictures[:0]).shape == (0,)


def test_pictures_smaller_than_a_window_have_no_similarity():
    pictures = _pictures(0, (2, 10, 12, 1))
    with pytest.raises(ValueError, match="at least 11×11 pixels, got 10×12"):
        structural_similarities(pictures, pictures)
