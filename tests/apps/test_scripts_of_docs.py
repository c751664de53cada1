"""The scripts of docs, where they cannot do their work."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from apps import nsgan, vae

ROOT = pathlib.Path(__file__).parents[2]


def _told(*words):
    """Returns the exit status of a script of docs and what it says."""
    done = subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("", "it is a folder, expected a file's name"),
        ("new/x.json", "there is no folder"),
        ("file/x.json", "there is no folder"),
    ],
)
def test_a_comparison_of_speed_is_not_begun_for_a_file_that_cannot_be_written(
    tmp_path, path, message
):
    (tmp_path / "file").touch()
    # Without a Python that measures, it would end in another way.
    words = [f"--json={tmp_path / path}", "--torch_python=false"]
    status, said = _told("docs/speed/compare.py", *words)
    assert (status, message in said) == (2, True), said


def test_digits_are_restored_by_a_denoising_model_of_such_pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(8):
        Image.fromarray(np.full((12, 12), 30 * number, np.uint8)).save(folder / f"{number}.png")
    shared = [f"--dataset=folder:{folder}", f"--cache_dir={tmp_path}", "--output_height=12"]
    shared += ["--batch_size=4", "--epochs=1"]
    for app, name, words, message in (
        (nsgan, "gan", ["--width=2"], "is a run of nsgan: expected one of apps.vae with --add_"),
        (vae, "plain", ["--n_hidden=4"], "expected one of apps.vae with --add_noise"),
        (vae, "small", ["--n_hidden=4", "--add_noise"], "has learnt pictures of 12×12×1: expected"),
    ):
        assert app.main([*shared, *words, f"--run_dir={tmp_path / name}"]) == 0
        status, said = _told("docs/results/restored_digits.py", str(tmp_path / name), "nowhere")
        assert (status, message in said) == (1, True), said
