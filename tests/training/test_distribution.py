import contextlib
import json
import pathlib
import socket
import subprocess
import sys
import types

import numpy as np
import pytest
import tensorflow as tf

from genkeras.training import devices, distribution, experiment, loop, state
from genkeras.training.errors import RunError, WorkerLostError
from genkeras.training.history import History
from genkeras.training.interruption import Interrupted

PROGRAM = pathlib.Path(__file__).with_name("two_replicas.py")
ROOT = PROGRAM.parents[2]
ENVIRONMENT = {"PYTHONPATH": str(ROOT), "PATH": "", "CUDA_VISIBLE_DEVICES": "-1"}


@pytest.fixture(scope="module")
def compared():
    """What training on two replicas came to, beside training on one device."""
    done = subprocess.run(
        [sys.executable, str(PROGRAM)],
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def of_workers():
    """What training by two processes came to, a dict for each."""
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in (one, two)]
    processes = []
    for index in range(2):
        task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        processes.append(
            subprocess.Popen(
                [sys.executable, str(PROGRAM)],
                cwd=ROOT,
                env=ENVIRONMENT | {"TF_CONFIG": json.dumps(task)},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    try:
        results = []
        for process in processes:
            printed, told = process.communicate(timeout=300)
            assert process.returncode == 0, told[-3000:]
            results.append(json.loads(printed.splitlines()[-1]))
        return results
    finally:
        for process in processes:
            process.kill()


@pytest.mark.parametrize("name", ["gan", "wgan", "wgan_gp", "vae", "wae_gan", "synchronised"])
def test_two_workers_train_as_one_device_does(of_workers, name):
    first, second = (worker[name] for worker in of_workers)
    assert first["sha256"] == second["sha256"]
    assert first["moved"] > 1e-3
    assert first["difference"] < 1e-5
    for loss, value in first["plain_losses"].items():
        assert first["losses"][loss] == pytest.approx(value, rel=1e-5)


def test_batch_norm_of_workers_is_that_of_replicas(of_workers, compared):
    first, second = (worker["batch_norm"] for worker in of_workers)
    assert first["sha256"] == second["sha256"]
    assert first["difference"] == pytest.approx(compared["batch_norm"]["difference"], rel=1e-3)


@pytest.mark.parametrize("name", ["gan", "wgan", "wgan_gp", "vae", "wae_gan", "synchronised"])
def test_two_replicas_train_as_one_device_does(compared, name):
    result = compared[name]
    assert result["same_names"]
    assert result["moved"] > 1e-3
    assert result["difference"] < 1e-5
    for loss, value in result["plain_losses"].items():
        assert result["losses"][loss] == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize(
    "name", ["gan", "wgan", "wgan_gp", "vae", "wae_gan", "synchronised", "batch_norm"]
)
def test_replicas_stay_equal_to_the_last_bit(compared, name):
    assert compared[name]["num_copies"] == 2
    assert compared[name]["replicas_equal"]


def test_batch_norm_is_over_a_replica_s_share_unless_synchronised(compared):
    assert compared["batch_norm"]["difference"] > 1e-4


def test_a_critic_is_clipped_on_every_replica_and_warmed_up(compared):
    assert compared["wgan"]["largest_weight"] == 0.25
    # Of 4 steps with 2 critic updates; each of the first two turns takes 4.
    assert compared["wgan"]["generator_turns"] == 2


@pytest.mark.parametrize("prior", ["normal", "uniform_signed", "uniform_unsigned", "sphere"])
def test_replicas_draw_different_rows_of_what_one_device_draws(compared, prior):
    first, second = compared["draws"][prior]["replicas"]
    assert np.abs(np.subtract(first, second)).min() > 0
    np.testing.assert_array_equal([*first, *second], compared["draws"][prior]["one"])


def test_an_update_that_is_not_finite_on_one_replica_is_left_out_on_all(compared):
    # 1 − (0.25 + 0.5) / 2: the gradient is that of the mean of the losses.
    assert compared["finite"] == {"weights": [0.625, 0.625], "scale": 4.0}
    assert compared["not_finite"] == {"weights": [1.0, 1.0], "scale": 2.0}


@pytest.mark.parametrize(
    ("model", "batch_size", "told"), [("vae", 64, "63 or 66"), ("wae_mmd", 3, "6,")]
)
def test_a_batch_that_does_not_divide_is_refused(prepare, model, batch_size, told):
    config = prepare("run", model=model, batch_size=batch_size).config
    replicas = distribution.Distribution(types.SimpleNamespace(num_replicas_in_sync=3))
    refused = pytest.raises(RunError, match=f"batch_size={batch_size} .*3 replicas.*use {told}")
    with refused, replicas.building(config):
        pass


@pytest.mark.parametrize(
    ("cluster", "task", "found"),
    [
        ({"worker": ["a:1", "b:1"]}, ("worker", "1"), [("worker", 0), ("worker", 1)]),
        ({"chief": ["a:1"], "worker": ["b:1"]}, ("chief", 0), [("chief", 0), ("worker", 0)]),
    ],
)
def test_the_chief_is_the_first_worker(monkeypatch, cluster, task, found):
    config = {"cluster": cluster, "task": dict(zip(("type", "index"), task, strict=True))}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    assert devices.workers() == found


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ("", "does not name the workers"),
        ("{", "does not name the workers"),
        ('{"cluster": {}}', "does not name the workers .KeyError"),
        (
            '{"cluster": {"worker": "a:1"}, "task": {"type": "worker", "index": 0}}',
            "addresses are no list",
        ),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "ps", "index": 0}}', "this is ps 0"),
    ],
)
def test_what_is_wrong_with_tf_config_is_told(monkeypatch, config, told):
    monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(RunError, match=told):
        devices.create("multi_worker")


def test_a_port_that_another_program_has_is_tried_again(monkeypatch):
    def occupied():
        raise tf.errors.UnknownError(None, None, "Could not start gRPC server")

    config = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", occupied)
    with pytest.raises(WorkerLostError, match=r"cannot listen at its port.*a:1.*not start gRPC"):
        devices.create()


def test_one_device_needs_no_distribution(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert devices.create() is None
    monkeypatch.setenv(
        "TF_CONFIG", '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}'
    )
    assert devices.create() is None


def test_what_was_pretrained_is_the_chief_s(prepare, monkeypatch):
    """The others' numbers may be rounded otherwise, on other processors or by a GPU."""
    prepared = prepare("run", model="wae_mmd")
    strategy = types.SimpleNamespace(num_replicas_in_sync=2)
    images = prepared.dataset.train.images
    sent = []

    def chief_s(rows):
        sent.append(rows)
        return sent[0] + np.float32(len(sent) - 1)

    models = []
    for worker in range(2):
        workers = distribution.Distribution(strategy, worker, num_workers=2)
        monkeypatch.setattr(workers, "_exchange", chief_s)
        models.append(prepared.config.build_model())
        workers.pretrain(models[-1], prepared.config, images)
    assert sent[1].size == 0
    chief, other = map(state.collect, models)
    assert state.digest(chief) != state.digest(state.collect(prepared.config.build_model()))
    for name, array in chief.items():
        own = array.dtype != np.float32 or "optimizer" in name
        np.testing.assert_array_equal(other[name], array if own else array + np.float32(1))


@pytest.mark.parametrize(("words", "same"), [([[1.0], [1.0]], True), ([[1.0], [2.0]], False)])
def test_workers_that_begin_differently_are_refused(prepare, words, same):
    prepared = prepare("run")
    strategy = types.SimpleNamespace(
        num_replicas_in_sync=2,
        run=lambda function: np.zeros(1),
        experimental_local_results=lambda result: [tf.constant(words)] * 2,
    )
    replicas = distribution.Distribution(strategy)
    model = prepared.config.build_model()
    context = contextlib.nullcontext() if same else pytest.raises(RunError, match="same command")
    with context:
        replicas._check_same(model, prepared.config, History())


class _OtherWorker:
    """A `Distribution` of a worker that is not the chief, alone in its process."""

    is_chief, num_replicas = False, 1

    def __init__(self, on_fit=loop.fit):
        self.on_fit, self.waited = on_fit, False

    def building(self, config):
        return contextlib.nullcontext()

    def wait(self):
        self.waited = True

    def sharing(self):
        return contextlib.nullcontext()

    def pretrain(self, model, config, images):
        loop.pretrain(model, images, config.seed)

    def fit(self, model, batches, history, config, chosen_callbacks):
        self.on_fit(model, batches, history, config.epochs, chosen_callbacks)
        self.trained = state.digest(state.collect(model))


def test_a_worker_that_is_not_the_chief_trains_the_same_and_writes_nothing(prepare, digest):
    other = _OtherWorker()
    prepared = prepare("other", epochs=2)
    assert experiment.train(prepared, state_every=1, distribution=other) is None
    assert other.waited
    assert not prepared.run_dir.exists()
    chief = prepare("chief", epochs=2)
    experiment.train(chief)
    assert other.trained == digest(chief.run_dir)


def test_it_reads_what_the_chief_has_stored(prepare, digest):
    chief = prepare("run", epochs=1)
    experiment.train(chief)
    before = sorted(chief.run_dir.rglob("*"))
    other = _OtherWorker()
    experiment.train(prepare("run", epochs=2), distribution=other)
    assert sorted(chief.run_dir.rglob("*")) == before
    experiment.train(prepare("run", epochs=2))
    assert other.trained == digest(chief.run_dir)


@pytest.mark.parametrize("signalled", [True, False])
def test_losing_a_worker_is_an_interruption_only_after_a_signal(prepare, monkeypatch, signalled):
    def lose(*arguments):
        raise WorkerLostError("gone")

    from genkeras.training import taking_up

    monkeypatch.setattr(taking_up.StopRequest, "__enter__", lambda request: request)
    monkeypatch.setattr(
        taking_up.StopRequest, "signal_number", 15 if signalled else None, raising=False
    )
    monkeypatch.setattr(taking_up.StopRequest, "__init__", lambda request: None)
    monkeypatch.setattr(taking_up.StopRequest, "__exit__", lambda *_: None)
    with pytest.raises(Interrupted if signalled else WorkerLostError) as caught:
        experiment.train(prepare("run"), distribution=_OtherWorker(lose))
    if signalled:
        assert caught.value.signal_number == 15
