import numpy as np
import pytest

from genkeras.visualization.lines import lerp, slerp


def test_lerp_by_hand():
    points = lerp([[0.0, 2.0]], [[4.0, 0.0]], 5)
    np.testing.assert_array_equal(
        points, [[[0.0, 2.0], [1.0, 1.5], [2.0, 1.0], [3.0, 0.5], [4.0, 0.0]]]
    )


def test_slerp_by_hand():
    # A quarter of a circle in thirds: 30 and 60 degrees.
    points = slerp([[2.0, 0.0, 0.0]], [[0.0, 0.0, 2.0]], 4)[0]
    c, s = np.sqrt(3.0), 1.0
    expected = [[2.0, 0.0, 0.0], [c, 0.0, s], [s, 0.0, c], [0.0, 0.0, 2.0]]
    np.testing.assert_allclose(points, expected, atol=1e-12)


def test_slerp_is_the_formula_of_the_paper_between_equal_lengths():
    random = np.random.default_rng(0)
    a, b = random.normal(size=(2, 6, 10))
    a, b = (3.0 * v / np.linalg.norm(v, axis=1, keepdims=True) for v in (a, b))
    points = slerp(a, b, 7)
    for line in range(6):
        omega = np.arccos(a[line] @ b[line] / 9.0)
        for step, t in enumerate(np.linspace(0, 1, 7)):
            expected = np.sin((1 - t) * omega) * a[line] + np.sin(t * omega) * b[line]
            np.testing.assert_allclose(points[line, step], expected / np.sin(omega), atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(points, axis=-1), 3.0, rtol=1e-12)


def test_length_changes_linearly_along_slerp():
    points = slerp([[1.0, 0.0]], [[0.0, 3.0]], 5)[0]
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), [1.0, 1.5, 2.0, 2.5, 3.0])


@pytest.mark.parametrize("function", [lerp, slerp])
def test_ends_are_exact(function):
    a, b = np.random.default_rng(1).normal(size=(2, 50, 7)).astype("float32")
    points = function(a, b, 6)
    assert points.shape == (50, 6, 7)
    np.testing.assert_array_equal(points[:, 0], a)
    np.testing.assert_array_equal(points[:, -1], b)


@pytest.mark.parametrize("nearly", [0.0, 1e-12, 1e-7, 1e-5])
@pytest.mark.parametrize("start", [[1.0, 2.0, 2.0], [0.0, 0.0, -3.0]])
def test_parallel_and_opposite_vectors(start, nearly):
    start = np.array([start])
    bent = nearly * np.array([[1.0, -1.0, 0.5]])
    parallel = slerp(start, start + bent, 9)
    np.testing.assert_allclose(parallel, np.broadcast_to(start, (9, 3))[None], atol=1e-4)
    opposite = slerp(start, -start + bent, 9)
    np.testing.assert_allclose(np.linalg.norm(opposite, axis=-1), 3.0, rtol=1e-4)
    # Halfway around, at a right angle; every step as long as the others.
    assert abs(opposite[0, 4] @ start[0]) < 1e-3
    lengths = np.linalg.norm(np.diff(opposite[0], axis=0), axis=-1)
    np.testing.assert_allclose(lengths, 6 * np.sin(np.pi / 16), rtol=1e-3)


def test_vectors_of_length_zero():
    zero, other = np.zeros((1, 2)), np.array([[0.0, 2.0]])
    np.testing.assert_allclose(slerp(zero, other, 3), [[[0, 0], [0, 1], [0, 2]]])
    np.testing.assert_allclose(slerp(other, zero, 3), [[[0, 2], [0, 1], [0, 0]]])
    np.testing.assert_array_equal(slerp(zero, zero, 3), np.zeros((1, 3, 2)))


def test_one_dimension_has_no_way_around():
    np.testing.assert_array_equal(slerp([[1.0]], [[-1.0]], 3), [[[1.0], [0.0], [-1.0]]])


@pytest.mark.parametrize("function", [lerp, slerp])
def test_wrong_arguments(function):
    with pytest.raises(ValueError, match="num_steps=1; expected at least 2"):
        function([[1.0]], [[2.0]], 1)
    with pytest.raises(ValueError, match=r"starts has shape \(1, 2\) and ends \(2, 2\)"):
        function(np.ones((1, 2)), np.ones((2, 2)), 3)
