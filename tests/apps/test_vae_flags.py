"""The VAE program's own flags, and the programs that draw from its runs."""

import json
import pathlib
import re

import numpy as np
import pytest
from PIL import Image

from apps import describe, interpolate, reconstruct, vae


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder with the classes `dark` and `light`, one of colour, one of large pictures."""
    root = tmp_path_factory.mktemp("pictures")
    for part in ("train", "test"):
        for number in range(8):
            label = "dark" if number < 4 else "light"
            for name, shape in (
                (f"grey/{part}/{label}", (8, 8)),
                (f"colour/{part}", (8, 8, 3)),
                (f"large/{part}", (40, 40)),
            ):
                folder = root / name
                folder.mkdir(parents=True, exist_ok=True)
                picture = np.full(shape, 30 * number, np.uint8)
                picture[..., 0] = 255
                Image.fromarray(picture).save(folder / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def train(pictures):
    def train(*words, dataset="grey", size=8):
        return vae.main(
            [
                f"--dataset=folder:{pictures / dataset}",
                f"--cache_dir={pictures / 'cache'}",
                f"--output_height={size}",
                f"--checkpoint_dir={pictures / 'runs'}",
                "--n_hidden=4",
                "--batch_size=4",
                "--num_epochs=1",
                *words,
            ]
        )

    return train


@pytest.fixture(scope="module")
def run_dir(pictures, train):
    folder = pictures / "run"
    assert train(f"--run_dir={folder}", "--dim_z=2", "--PMLR", "--PMLR_n_img_x=3") == 0
    return folder


def _names(folder):
    return {path.name for path in pathlib.Path(folder).iterdir()}


USUAL = {"epoch_001.png", "reconstructions_epoch_001.png"}


def test_sheets_of_an_epoch(run_dir):
    assert _names(run_dir / "samples") == USUAL | {
        "input.png",
        "PRR_epoch_01.png",
        "PMLR_epoch_01.png",
        "PMLR_map_epoch_01.png",
    }
    # 20 rows of 3 pictures without gaps.
    assert Image.open(run_dir / "samples" / "PMLR_epoch_01.png").size == (24, 160)
    # 8 test pictures of the 100 that a sheet holds, 10 in a row.
    assert Image.open(run_dir / "samples" / "input.png").size == (102, 12)


def test_drawing_flags_do_not_define_the_run(run_dir, train, tmp_path):
    before = json.loads((run_dir / "config.json").read_text())
    assert not [name for name in before["options"] if name.startswith(("PRR", "PMLR"))]
    states = sorted((path.name, path.stat().st_mtime_ns) for path in run_dir.glob("state-*"))
    keep = tmp_path / "old.txt"
    keep.write_text("not deleted")
    words = ["--PRR_n_img_x=4", "--PRR_n_img_y=1", "--PRR_resize_factor=0.5", "--PMLR=false"]
    assert train(f"--run_dir={run_dir}", f"--results_path={tmp_path}", *words) == 0
    assert _names(tmp_path) == {"old.txt", "input.png", "PRR_epoch_01.png"}
    # Half of 4 pictures of 8 pixels with 2 between them.
    assert Image.open(tmp_path / "input.png").size == (21, 6)
    assert json.loads((run_dir / "config.json").read_text()) == before
    assert states == sorted(
        (path.name, path.stat().st_mtime_ns) for path in run_dir.glob("state-*")
    )


@pytest.mark.parametrize("words", [["--noPRR"], ["--PRR=False"], ["--PRR", "False"]])
def test_booleans_can_be_false(train, pictures, tmp_path, words):
    run = tmp_path / "run"
    assert train(f"--run_dir={run}", *words) == 0
    assert _names(run / "samples") == USUAL


def test_add_noise_defines_the_run_and_gives_three_sheets(train, pictures):
    assert train("--add_noise", "--dim_z=3") == 0
    (run,) = (pictures / "runs" / "vae").glob("folder_grey*/*add_noise*latent_dim=3*")
    assert json.loads((run / "config.json").read_text())["options"]["add_noise"] is True
    three = {"input.png", "input_noise.png", "PRR_epoch_01.png"}
    assert _names(run / "samples") == USUAL | three


@pytest.mark.parametrize("words", [["--dim_z=3"], []])
def test_manifold_needs_two_dimensions(train, tmp_path, capsys, words):
    run = tmp_path / "run"
    assert train(f"--run_dir={run}", "--PMLR", *words) == 2
    message = capsys.readouterr().err
    assert f"{3 if words else 20} latent dimensions: add --dim_z=2" in message
    assert not run.exists()


def test_options_of_the_mlp_need_the_mlp(train, tmp_path, capsys):
    run = tmp_path / "run"
    assert train(f"--run_dir={run}", "--network=infogan", "--width=4") == 2
    assert "--n_hidden is an option of --network=mlp" in capsys.readouterr().err
    assert not run.exists()


def test_results_path_that_is_a_file(train, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert train(f"--run_dir={tmp_path / 'run'}", f"--results_path={tmp_path / 'file'}") == 2
    assert "is a file; name a folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("dataset", "size", "words", "hint"),
    [
        ("grey", 8, [], False),
        ("colour", 8, [], True),
        ("large", 40, [], True),
        ("colour", 8, ["--network=mlp"], False),
    ],
)
def test_another_network_is_suggested(train, tmp_path, capsys, dataset, size, words, hint):
    run = f"--run_dir={tmp_path / 'run'}"
    assert train(run, "--PMLR=false", *words, dataset=dataset, size=size) == 0
    assert ("--network=infogan may do better" in capsys.readouterr().out) == hint


@pytest.mark.parametrize("program", [reconstruct, interpolate])
def test_the_best_state_is_asked_for(program, run_dir, tmp_path, capsys):
    words = [f"--run_dir={run_dir}", f"--output={tmp_path / 'sheet.png'}"]
    assert program.main([*words, "--best"]) == 1
    assert "has no best.npz" in capsys.readouterr().err


def test_reconstruct_and_interpolate(run_dir, tmp_path, capsys):
    sheet, numbers, lines = (str(tmp_path / name) for name in ("a.png", "a.json", "lines.png"))
    assert reconstruct.main([f"--run_dir={run_dir}", f"--output={sheet}", f"--json={numbers}"]) == 0
    error = json.loads(pathlib.Path(numbers).read_text())["mean_squared_error"]
    output = capsys.readouterr().out
    assert f"mean {error['mean']:.5f}, min {error['min']:.5f}, max {error['max']:.5f}" in output
    words = [f"--run_dir={run_dir}", f"--output={lines}", "--num_lines=2", "--num_steps=3"]
    assert interpolate.main(words) == 0
    assert "2 lines (spherical interpolation)" in capsys.readouterr().out
    assert Image.open(lines).size == (32, 22)
    assert interpolate.main([*words, "--from_test", "True"]) == 0
    assert Image.open(lines).size == (52, 22)


def test_describe(tmp_path, capsys):
    figure = tmp_path / "figure.png"
    words = ["--model=vae", "--image_shape=8,8,3", "--dim_z=3", f"--output={figure}"]
    assert describe.main([*words, "--options=network=infogan,beta_1=0.25"]) == 0
    output = capsys.readouterr().out
    assert "8×8×3" in output
    assert re.search(r"^ *beta_1 +0\.25$", output, re.MULTILINE)
    assert "Conv2D 4×4, stride 2" in output
    assert figure.exists()


@pytest.mark.parametrize(
    ("app", "words", "message"),
    [
        (reconstruct, [], "--run_dir is needed"),
        (reconstruct, ["--run_dir=x", "--output=x.jpg"], "expected the name of a .png file"),
        (interpolate, ["--run_dir=x"], "--output is needed"),
        (interpolate, ["--run_dir=x", "--output=."], "expected the name of a .png file"),
        (interpolate, ["--run_dir=x", "--output=x.png", "--num_steps=1"], "num_steps"),
        (interpolate, ["--num_steps=1000000000000"], "--num_steps=1000000000000: expected"),
        (interpolate, ["--num_lines=1000000000000"], "--num_lines=1000000000000: expected"),
        (describe, [], "--model is needed"),
        (describe, ["--model=dcgam"], "Did you mean 'dcgan'"),
        (describe, ["--model=vae", "--image_shape=28,28"], "expected height, width and channels"),
        (describe, ["--model=vae", "--image_shape=28,0,1"], "expected height, width and channels"),
        (describe, ["--model=vae", "--options=network"], "expected name=value"),
        (vae, ["--PMLR_n_img_x=0"], "PMLR_n_img_x"),
        (vae, ["--PMLR_n_img_x=1000000000000"], "--PMLR_n_img_x=1000000000000: expected"),
        (vae, ["--PMLR_n_img_y=1000000000000"], "--PMLR_n_img_y=1000000000000: expected"),
        (vae, ["--PRR_n_img_x=1000000000000"], "--PRR_n_img_x=1000000000000: expected"),
        (vae, ["--PRR_n_img_y=1000000000000"], "--PRR_n_img_y=1000000000000: expected"),
    ],
)
def test_mistakes_on_the_command_line(app, words, message, capsys):
    assert app.main(words) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("app", "words", "message"),
    [
        (reconstruct, ["--run_dir=nowhere"], "nowhere is not a run directory"),
        (interpolate, ["--run_dir=nowhere", "--output=x.png"], "nowhere is not a run directory"),
    ],
)
def test_mistakes_found_later(app, words, message, capsys):
    assert app.main(words) == 1
    assert message in capsys.readouterr().err
