"""Inception Score against hand numbers and a loop."""

import warnings

import numpy as np
import pytest

from genkeras.metrics.inception_score import inception_score
from genkeras.metrics.small_sample import SmallSampleWarning
from tests.reference import inception_score as reference


def test_sure_pictures_of_all_classes_score_the_number_of_classes():
    mean, deviation = inception_score(np.tile(np.eye(4), (5, 1)), num_splits=5)
    assert (mean, deviation) == (pytest.approx(4.0), pytest.approx(0.0, abs=1e-12))


def test_unsure_pictures_and_a_single_class_score_one():
    assert inception_score(np.full((20, 4), 0.25))[0] == pytest.approx(1.0)
    assert inception_score(np.tile([[1.0, 0.0, 0.0, 0.0]], (20, 1)))[0] == pytest.approx(1.0)


def test_a_score_by_hand():
    # The marginal is (1/2, 1/2); each picture has KL = 3/4 log(3/2) + 1/4 log(1/2).
    expected = np.exp(0.75 * np.log(1.5) + 0.25 * np.log(0.5))
    mean, deviation = inception_score([[0.75, 0.25], [0.25, 0.75]], num_splits=1)
    assert (mean, deviation) == (pytest.approx(expected), 0.0)


def test_splits_are_consecutive_and_their_deviation_is_that_of_the_population():
    # The first split holds both classes (score 2), the second one of them (score 1).
    rows = np.eye(2)[[0, 1, 0, 0]]
    assert inception_score(rows, num_splits=2) == (pytest.approx(1.5), pytest.approx(0.5))


@pytest.mark.parametrize("num_images", [50, 53])
def test_agreement_with_the_loop(num_images):
    rows = np.random.default_rng(0).dirichlet(np.full(6, 0.3), num_images)
    rows[3] = np.eye(6)[2]
    actual = inception_score(rows.astype(np.float32), num_splits=4)
    np.testing.assert_allclose(actual, reference.inception_score(rows, 4), rtol=1e-6)


def test_a_collapsed_generator_scores_lower():
    labels = np.random.default_rng(0).integers(0, 10, 500)
    sure = 0.9 * np.eye(10) + 0.01
    assert inception_score(sure[labels])[0] > 2.0 * inception_score(sure[labels % 3])[0]


def test_few_pictures_are_said_to_be_few():
    with pytest.warns(SmallSampleWarning, match=r"3 pictures cannot be cut into 10 splits"):
        mean, deviation = inception_score(np.eye(3))
    assert (mean, deviation) == (pytest.approx(3.0), 0.0)
    with pytest.warns(SmallSampleWarning, match=r"2 pictures cannot hold half of 5 classes"):
        inception_score(np.tile(np.eye(5), (4, 1)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        inception_score(np.tile(np.eye(5), (6, 1)))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.array([[0.5, np.nan]]), "finite"),
        (np.array([[3.0, -2.0]]), "softmax"),
        (np.array([[0.5, 0.4]]), "softmax"),
        (np.array([0.5, 0.5]), "shape"),
        (np.empty((0, 3)), "at least 1 rows"),
    ],
)
def test_what_is_not_probabilities_is_refused(rows, message):
    with pytest.raises(ValueError, match=message):
        inception_score(rows)


def test_no_split_is_refused():
    with pytest.raises(ValueError, match="num_splits"):
        inception_score(np.eye(2), num_splits=0)
