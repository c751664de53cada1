"""WGAN from the command line: its own flags reach the model, and the critic is clipped."""

import numpy as np
from PIL import Image

from apps import wgan
from genkeras.training import experiment


def test_flags_reach_the_model_and_the_critic_is_clipped(tmp_path):
    for part in ("train", "test"):
        folder = tmp_path / "pictures" / part
        folder.mkdir(parents=True)
        for number in range(8):
            picture = np.full((8, 8), 30 * number, np.uint8)
            Image.fromarray(picture).save(folder / f"{number}.png")
    run_dir = tmp_path / "run"
    words = [f"--dataset=folder:{tmp_path / 'pictures'}", f"--cache_dir={tmp_path / 'cache'}"]
    words += ["--output_height=8", "--width=1", "--batch_size=2", "--epochs=1"]
    words += ["--n_critic=2", "--clip_value=0.02", "--critic_warmup", f"--run_dir={run_dir}"]
    assert wgan.main(words) == 0

    config, model = experiment.load(run_dir)
    assert config.options["discriminator_steps"] == 2
    assert config.options["critic_warmup"] is True
    # 8 pictures, 2 updates of 2 pictures in a step: 2 steps.
    assert int(model.critic_updates) == 4
    assert int(model.generator_turns) == 0
    largest = [np.abs(v.numpy()).max() for v in model.discriminator.trainable_variables]
    assert max(largest) == np.float32(0.02)
