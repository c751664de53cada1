import json

import keras
import pytest
import tensorflow as tf

from apps import benchmark
from genkeras.evaluation import benchmark as measurement
from genkeras.evaluation.benchmark import arithmetic, fraction_of_ceiling, optimizer_traffic
from genkeras.models.optimization import Adam


def test_numbers_of_a_real_training(capsys, tmp_path):
    path = tmp_path / "numbers.json"
    words = ["--models=nsgan,wgan_gp", "--width=2", "--batch_size=8", "--steps=2", "--rounds=2"]
    assert benchmark.main([*words, f"--json={path}"]) == 0
    numbers = json.loads(path.read_text())
    assert numbers["ceilings"].keys() == {"sgemm_gflops", "copy_gigabytes_per_second"}
    rows = numbers["results"]
    assert [(row["model"], row["width"], row["batch_size"]) for row in rows] == [
        ("nsgan", 2, 8),
        ("wgan_gp", 2, 8),
    ]
    # Five critic updates, each on pictures of its own.
    assert [row["images_per_step"] for row in rows] == [8, 40]
    for row in rows:
        rate = row["images_per_second_best"]
        assert rate == pytest.approx(row["images_per_step"] / row["step_seconds"])
        assert row["images_per_second_worst"] <= row["images_per_second"] <= rate
        assert row["seconds_to_first_step"] > row["step_seconds"]
        assert 0 < row["fraction_of_ceiling"] < 1
        assert 0 <= row["share_outside_step"] < 1
        # Weights, gradients and moments: more than one update of all weights moves.
        assert row["optimizer_gigabytes_per_step"] >= 28e-9 * row["parameters"] / 2
        assert row["peak_resident_megabytes"] > 100
    output = capsys.readouterr().out
    assert "of the ceiling" in output
    assert str(path) in output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--models=gann"], "gann"),
        (["--models="], "--models= is empty"),
        (["--width=16,x"], "--width=16,x: expected integers from 1 to 4096"),
        (["--batch_size=0"], "--batch_size=0: expected integers from 1 to 65536"),
        (["--batch_size=64,100000000000"], "--batch_size=64,100000000000: expected integers"),
        (["--image_size=100000000"], "--image_size=100000000: expected a whole number"),
        (["--steps=0"], "--steps=0: expected a whole number"),
        (["--steps=1000000000"], "--steps=1000000000: expected a whole number"),
        (["--rounds=1000000000"], "--rounds=1000000000: expected a whole number"),
        (["--num_images=1000000000000"], "--num_images=1000000000000: expected a whole number"),
    ],
)
def test_mistakes(words, told, capsys, monkeypatch):
    monkeypatch.setattr(measurement, "ceilings", lambda: pytest.fail("It was measured."))
    assert benchmark.main(words) == 2
    assert told in capsys.readouterr().err


def test_arithmetic_is_counted_by_hand():
    @tf.function
    def step(images, kernel, weights):
        with tf.GradientTape() as tape:
            tape.watch([images, kernel, weights])
            maps = tf.nn.conv2d(images, kernel, 2, "SAME")
            loss = tf.reduce_sum(tf.reshape(maps, (3, -1)) @ weights)
        return tape.gradient(loss, [images, kernel, weights])

    shapes = (3, 8, 8, 2), (4, 4, 2, 5), (4 * 4 * 5, 7)
    graph = step.get_concrete_function(*map(tf.TensorSpec, shapes)).graph
    convolution = 2 * (3 * 4 * 4 * 5) * (4 * 4 * 2)
    product = 2 * 3 * 80 * 7
    # Forwards, and backwards by inputs and by weights.
    assert arithmetic(graph) == 3 * convolution + 3 * product


def test_traffic_is_seven_arrays_per_update():
    variables = [keras.Variable(tf.zeros(shape)) for shape in [(3, 4), (5,)]]
    optimizer = Adam()
    optimizer.build(variables)

    @tf.function
    def step():
        for _ in range(2):
            optimizer.apply([tf.ones(variable.shape) for variable in variables], variables)

    assert optimizer_traffic(step.get_concrete_function().graph) == 2 * 7 * 4 * 17


def test_fraction_adds_the_times():
    result = {
        "gigaflops_per_step": 3.0,
        "optimizer_gigabytes_per_step": 1.0,
        "step_seconds": 2.0,
    }
    machine = {"sgemm_gflops": 6.0, "copy_gigabytes_per_second": 2.0}
    assert fraction_of_ceiling(result, machine) == pytest.approx(0.5)
