"""The WAE program's flags, and one short training of either penalty."""

import json
import pathlib

import pytest

from apps import runner, wae
from genkeras.training import experiment

SAMPLE = ["--dataset=fashion_mnist_sample", "--width=1", "--epochs=1", "--batch_size=2000"]


@pytest.fixture(autouse=True)
def _no_data_dir(monkeypatch, tmp_path):
    monkeypatch.delenv("GENKERAS_DATA_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def asked(monkeypatch):
    """What the app asks for, instead of a training."""
    calls = []

    def prepare(request, *, given_dataset, **where):
        calls.append((request, given_dataset))
        raise OSError("far enough")

    monkeypatch.setattr(experiment, "prepare", prepare)
    return calls


def _request(asked, *words):
    assert wae.main(list(words)) == runner.FAILURE
    return asked[-1]


@pytest.mark.parametrize(
    ("words", "dataset", "crop_mode"),
    [
        ([], "fashion_mnist", None),
        (["--exp=mnist"], "mnist", None),
        (["--exp=mnist_small"], "mnist", None),
        (["--exp=celebA"], "celeba", "wae"),
        (["--exp=celebA_small"], "celeba", "wae"),
        (["--exp=celebA", "--dataset=celebA"], "celebA", "wae"),
        (["--exp=celebA", "--crop_mode=center"], "celeba", "center"),
        (["--exp=celebA", "--nocrop"], "celeba", None),
        (["--exp=celebA", "--dataset=mnist"], "mnist", None),
    ],
)
def test_an_experiment_brings_its_data_set(asked, words, dataset, crop_mode):
    request, given_dataset = _request(asked, *words)
    assert (request.dataset, request.data.get("crop_mode")) == (dataset, crop_mode)
    assert given_dataset == any(word.startswith("--dataset") for word in words)


def test_the_program_s_names_of_the_flags(asked):
    request, _ = _request(
        asked,
        *["--z_test=gan", "--zdim=5", "--lr=0.01", "--pz=uniform", "--pz_scale=2", "--w_aef=0.1"],
        *["--wae_lambda=3", "--lambda_schedule=adaptive", "--enc_noise=implicit", "--cost=l1"],
        *["--lr_schedule=20", "--noe_pretrain", "--lr_adv=0.02", "--optimizer=sgd"],
        *["--update_order=autoencoder_first", "--gan_p_trick=false", "--mode=train"],
    )
    assert request.model == "wae_gan"
    assert request.options == {
        "latent_dim": 5,
        "learning_rate": 0.01,
        "prior": "uniform",
        "prior_scale": 2.0,
        "fixed_point_weight": 0.1,
        "wae_lambda": 3.0,
        "lambda_schedule": "adaptive",
        "encoder_noise": "implicit",
        "cost": "l1",
        "learning_rate_schedule": "20",
        "encoder_pretraining": False,
        "discriminator_learning_rate": 0.02,
        "optimizer": "sgd",
        "update_order": "autoencoder_first",
        "gan_p_trick": False,
    }


def test_mmd_is_the_default_and_has_kernels(asked):
    request, _ = _request(asked, "--kernel=rbf")
    assert (request.model, request.options) == ("wae_mmd", {"kernel": "rbf"})


@pytest.mark.parametrize(
    ("words", "flag"),
    [
        (["--z_test=gan", "--kernel=imq"], "--kernel"),
        (["--gan_p_trick"], "--gan_p_trick"),
        (["--z_test=jsd"], "--z_test"),
        (["--exp=cifar"], "--exp"),
    ],
)
def test_flags_that_make_no_sense(words, flag, capsys):
    assert wae.main(words) == runner.USAGE
    assert flag in capsys.readouterr().err


def test_flags_without_a_meaning_say_what_replaced_them(capsys):
    words = ["--work_dir=results", "--checkpoint=old", "--dataset=no_such_set"]
    assert wae.main(words) == runner.FAILURE
    output = capsys.readouterr().out
    assert "--work_dir does nothing" in output
    assert "--checkpoint does nothing" in output
    assert output.count("--run_dir") == 2


def test_mode_test_is_done_by_other_programs(asked, capsys):
    assert wae.main(["--mode=test"]) == runner.USAGE
    assert not asked
    told = capsys.readouterr()
    assert told.out == ""
    assert "apps.sample --run_dir=... draws" in told.err
    assert "apps.reconstruct --run_dir=... reproduces" in told.err


def test_a_bad_schedule_is_one_line(capsys):
    words = [*SAMPLE, "--learning_rate_schedule=sometimes"]
    assert wae.main(words) == runner.FAILURE
    error = capsys.readouterr().err
    assert "learning_rate_schedule='sometimes'" in error
    assert "Traceback" not in error


def test_trains_and_is_taken_up_again_by_its_directory(tmp_path, capsys):
    run_dir = tmp_path / "run"
    words = [*SAMPLE, "--z_test=gan", "--lr_schedule=none", f"--run_dir={run_dir}"]
    assert wae.main(words) == 0
    names = {path.name for path in (run_dir / "samples").iterdir()}
    assert names == {
        "epoch_001.png",
        "reconstructions_epoch_001.png",
        "panels_epoch_001.png",
        "panels_epoch_001.npz",
    }
    # The penalty is that of the stored run when it is not named.
    assert wae.main([f"--run_dir={run_dir}", "--epochs=2"]) == 0
    config = json.loads(pathlib.Path(run_dir / "config.json").read_text())
    assert (config["model"], config["epochs"]) == ("wae_gan", 2)
    assert (run_dir / "samples" / "panels_epoch_002.png").exists()
    capsys.readouterr()
    assert wae.main([f"--run_dir={run_dir}", "--z_test=mmd"]) == runner.FAILURE
    assert "wae_gan" in capsys.readouterr().err
