"""Trains the DCGAN (Radford et al., 2016) as DCGAN-tensorflow does.

python -m apps.dcgan --dataset=celeba --input_height=108 --crop
python -m apps.dcgan --dataset=mnist --conditional --visualize
python -m apps.dcgan --dataset=mnist --conditional --notrain --visualize_option=4
"""

import sys

from apps import command_line, flags, runner

MODEL = {
    **flags.MODEL,
    **flags.GAN,
    **flags.ADAM,
    "learning_rate": flags.Flag(
        "float",
        "Adam's rate, of both networks. Default: 0.0002.",
        ("learn_rate", "lr"),
        minimum=flags.SMALLEST,
    ),
    "discriminator_learning_rate": flags.Flag(
        "float", "Another one for the discriminator.", minimum=flags.SMALLEST
    ),
    "generator_steps": flags.Flag(
        "integer",
        "Generator updates per training step, on the discriminator's latents. Default: 2.",
        minimum=1,
    ),
    "z_dist": flags.Flag(
        "enum",
        "Distribution of the latents: U(-1, 1) (the default), N(0, 1) or U(0, 1).",
        values=("uniform_signed", "normal01", "uniform_unsigned"),
    ),
    "conditional": flags.Flag(
        "boolean",
        "Tell both networks the class, on the networks that DCGAN-tensorflow has for MNIST.",
    ),
}
PROGRAM = {
    "train_size": flags.Flag("string", "Use the first so many training pictures; inf: all."),
    "train": flags.Flag(
        "boolean",
        "Train what is missing (the default). --notrain only loads a run and makes its pictures.",
        default=True,
    ),
    "sample_freq": flags.Flag(
        "integer",
        "A sheet of samples every so many training steps, beside those of every epoch; 0: none.",
        default=200,
        minimum=0,
    ),
    "max_to_keep": flags.Flag(
        "integer",
        "How many states stay. Default: 2, so that there is another if one is damaged.",
        default=2,
        minimum=1,
    ),
    "visualize": flags.Flag(
        "boolean", "Draw what the latent coordinates do, into RUN_DIR/visualize."
    ),
    "visualize_option": flags.Flag(
        "integer",
        "0: a sheet of U(-1/2, 1/2); 1 (the default): for each coordinate a sheet over which it "
        "runs from 0 to 1; 2: a GIF in which a random one runs; 3: a GIF for each one, the others "
        "0; 4: those, and all of them in one.",
        minimum=0,
        maximum=4,
    ),
    "visualize_labels": flags.Flag(
        "list",
        "Conditional models: the classes to draw, by number or name, in turn. Default: drawn.",
    ),
}
# The program's: a state every so many steps, unless --save_every says otherwise.
STATE_EVERY = 200
# Flags of DCGAN-tensorflow that have no meaning any more -> what does their work.
_RUN_DIR = "everything of a run is in its run directory; name it with --run_dir."
REPLACED = {
    "freeze": ("boolean", "--export makes a SavedModel, for any batch size."),
    "out_dir": ("string", _RUN_DIR),
    "out_name": ("string", _RUN_DIR),
    "sample_dir": ("string", "sheets are in the folder samples of the run directory."),
    "G_img_sum": ("boolean", "the sheets in the folder samples of the run directory show it."),
}


def main(argv=None):
    return runner.run(_dcgan, argv)


def _dcgan(words):
    values = command_line.parse(
        words,
        __doc__,
        flags.RUN,
        flags.SCORES,
        flags.SCORING,
        MODEL,
        PROGRAM,
        flags.DATA,
        flags.replaced(REPLACED),
    )
    train_size = _train_size(values["train_size"])
    state_every = runner.state_every(values, STATE_EVERY)
    if values["fresh"] and not values["train"]:
        raise flags.UsageError("--fresh begins a training, --notrain trains nothing: give one.")
    if not values["train"]:
        for name in (*flags.SCORING, *flags.SCORES):
            if values[name]:
                raise flags.UsageError(
                    f"--{name} is of a training, --notrain trains nothing: give one. apps.evaluate "
                    "scores a run."
                )
    flags.tell_replaced(values, REPLACED)
    from genkeras.training import experiment

    devices = None
    if values["train"]:
        devices = runner.distribution(values["strategy"])
    data = runner.data_options(values) | train_size
    prepared = runner.prepare("dcgan", values, MODEL, data, default_dataset="celeba")
    labels = _visualize_labels(values["visualize_labels"], prepared.config)
    print(f"dcgan on {prepared.config.dataset}, run directory {prepared.run_dir}")
    with runner.ending_together(devices):
        if values["train"]:
            summary = experiment.train(
                prepared,
                sheet_every=values["sample_freq"],
                state_every=state_every,
                states_kept=values["max_to_keep"],
                distribution=devices,
                **runner.scoring(values, prepared),
            )
            if summary is None:  # A worker that is not the chief.
                return
            runner.report(prepared, summary)
        else:
            experiment.draw(prepared)
            print(f"Sheets: {prepared.run_dir / 'samples'}")
        if values["export"]:
            runner.export(prepared)
        if _wants_visualize(values):
            _visualize(prepared, values["visualize_option"], labels)


def _train_size(word):
    """Returns the data option that `--train_size` stands for."""
    if word is None or word.lower() == "inf":
        return {}
    if not word.isdecimal() or int(word) == 0:
        raise flags.UsageError(f"--train_size={word}: expected a positive number, or inf.")
    return {"train_size": int(word)}


def _wants_visualize(values):
    if values["visualize"] is not None:
        return values["visualize"]
    # Neither of the others means anything alone.
    return values["visualize_option"] is not None or values["visualize_labels"] is not None


def _visualize_labels(words, config):
    """Returns the classes to draw, known to be right before hours of training."""
    if words is None:
        return None
    from genkeras.training.errors import RunError

    if not config.options["conditional"]:
        raise RunError("--visualize_labels goes with --conditional; leave it out.")
    try:
        return config.class_numbers(words)
    except RunError as error:
        raise RunError(f"--visualize_labels: {error}") from error


def _visualize(prepared, option, labels):
    from genkeras.training import experiment
    from genkeras.training.sheets.latent_traversal import LatentTraversal

    config, model = experiment.load(prepared.run_dir)
    paths = LatentTraversal(
        prepared.run_dir / "visualize",
        1 if option is None else option,
        config.options["batch_size"],
        labels,
    ).write(model)
    print(f"{len(paths)} pictures in {prepared.run_dir / 'visualize'}")


if __name__ == "__main__":
    sys.exit(main())
