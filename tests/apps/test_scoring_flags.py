"""--eval_every, --keep_best and --tensorboard of the training programs."""

import pathlib

import pytest

from apps import dcgan, runner, vae, wae

SMALL = ["--dataset=fashion_mnist_sample", "--width=2", "--epochs=1", "--batch_size=500"]


@pytest.fixture(autouse=True)
def _no_data_dir(monkeypatch, tmp_path):
    monkeypatch.delenv("GENKERAS_DATA_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def trained(monkeypatch):
    """What `experiment.train` was asked for, instead of training; scores are names here."""
    from genkeras.training import experiment

    asked = []

    def train(prepared, *_, **options):
        asked.append(options)
        return {"epochs": 1}

    monkeypatch.setattr(experiment, "train", train)
    monkeypatch.setattr(runner, "score_function", lambda prepared, protocol: protocol)
    return asked


@pytest.mark.parametrize("app", [vae, wae, dcgan], ids=["vae", "wae", "dcgan"])
def test_flags_reach_the_training(trained, app):
    words = ["--dataset=fashion_mnist_sample", "--epochs=1"]
    assert app.main(words) == 0
    assert app.main([*words, "--eval_every=2"]) == 0
    more = ["--keep_best=precision", "--metrics=score", "--num_images=100", "--tensorboard"]
    assert app.main([*words, "--eval_every=3", *more]) == 0
    plain, scored, full = trained
    assert "score" not in plain
    assert not plain["tensorboard"]
    assert scored["score_every"] == 2
    assert scored["score"] == {"metrics": ("score", "frechet")}
    assert "keep_best" not in scored
    # The metric that computes the score to keep by is added.
    assert full["score"] == {"metrics": ("score", "precision_recall"), "num_images": 100}
    assert full["keep_best"] == ("precision", True)
    assert full["tensorboard"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--keep_best=frechet"], "--keep_best goes with --eval_every=N"),
        (["--metrics=score"], "--metrics goes with --eval_every=N"),
        (["--eval_every=0", "--num_images=10"], "--num_images goes with --eval_every=N"),
        (["--eval_every=1", "--keep_best=loss"], "keep_best"),
        (["--eval_every=-1"], "eval_every"),
    ],
)
def test_flags_that_make_no_sense(capsys, words, message):
    assert vae.main([*SMALL, *words]) == 2
    assert message in capsys.readouterr().err
    assert not pathlib.Path("checkpoints").exists()


def test_flags_of_scoring_do_not_define_the_run(monkeypatch):
    def score_function(prepared, protocol):
        return lambda model: {"quality": float(model.steps_done.numpy())}

    monkeypatch.setattr(runner, "score_function", score_function)
    assert vae.main([*SMALL, "--eval_every=1", "--keep_best=score"]) == 1  # It has another name.
    assert vae.main([*SMALL, "--eval_every=1", "--tensorboard"]) == 0
    (run_dir,) = pathlib.Path("checkpoints/vae/fashion_mnist_sample").iterdir()
    assert run_dir.name == "batch_size=500,width=2"
    assert (run_dir / "history.csv").read_text().splitlines()[0].endswith(",quality")
    assert (run_dir / "scores.png").exists()
    assert list((run_dir / "tensorboard").iterdir())


def test_a_score_of_too_few_pictures_is_refused_before_training(capsys):
    words = ["--eval_every=1", "--num_images=3", "--metrics=precision_recall"]
    assert vae.main([*SMALL, *words]) == 1
    text = capsys.readouterr().err
    assert "--metrics=precision_recall needs at least 4 pictures on each side" in text
    assert not list(pathlib.Path("checkpoints").rglob("state-*.npz"))
