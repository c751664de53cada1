"""Trains a Wasserstein autoencoder (Tolstikhin et al., 2018): WAE-MMD or WAE-GAN.

python -m apps.wae --exp=mnist --z_test=mmd
"""

import pathlib
import sys

from apps import command_line, flags, runner

MODELS = {"mmd": "wae_mmd", "gan": "wae_gan"}

FLAGS = {
    **flags.ADAM,
    "exp": flags.Flag(
        "enum",
        "The experiment of the WAE program, which sets networks and constants: mnist (4x4 "
        "convolutions, 8 latents), mnist_small (the default: a small mlp, 4 latents), celebA "
        "(5x5 convolutions, 64 latents), celebA_small. It also sets the default --dataset: mnist, "
        "or celeba with --crop_mode=wae; fashion_mnist without --exp.",
        values=("mnist", "mnist_small", "celebA", "celebA_small"),
    ),
    "prior": flags.Flag(
        "enum", "Distribution of the latents.", ("pz",), values=("normal", "sphere", "uniform")
    ),
    "prior_scale": flags.Flag(
        "float", "What its draws are multiplied by.", ("pz_scale",), minimum=flags.SMALLEST
    ),
    "encoder_noise": flags.Flag(
        "enum",
        "add_noise: on the pixels, in training; gaussian, implicit: on the codes.",
        ("enc_noise",),
        values=("deterministic", "add_noise", "gaussian", "implicit"),
    ),
    "cost": flags.Flag("enum", "Cost of a reproduction.", values=("l2sq", "l2", "l1")),
    "wae_lambda": flags.Flag("float", "Weight of the latent penalty.", minimum=0.0),
    "lambda_schedule": flags.Flag(
        "enum",
        "adaptive: halfway to reconstruction loss / |penalty| every 1000 steps.",
        values=("constant", "adaptive"),
    ),
    "fixed_point_weight": flags.Flag(
        "float",
        "Weight of the cost between a sample and its reproduction. Default: 0.",
        ("w_aef",),
        minimum=0.0,
    ),
    "learning_rate_schedule": flags.Flag(
        "string",
        "none, manual (/2 at epoch 30, /5 at 50, /10 at 100), manual_smooth (100^(-(e+1)/E)), "
        "plateau (/1.4 while the loss stands still), or a number S: 10^(-e/S).",
        ("lr_schedule",),
    ),
    "encoder_pretraining": flags.Flag(
        "boolean",
        "Whether the encoder first learns the prior's mean and covariance. Default: true.",
        ("e_pretrain",),
    ),
    "optimizer": flags.Flag("enum", "For all networks.", values=("adam", "sgd")),
}
# Each penalty's own options.
PENALTY_FLAGS = {
    "mmd": {
        "kernel": flags.Flag(
            "enum",
            "--z_test=mmd: imq (the default), or rbf.",
            ("mmd_kernel",),
            values=("imq", "rbf"),
        ),
    },
    "gan": {
        "discriminator_learning_rate": flags.Flag(
            "float", "--z_test=gan: the discriminator's rate.", ("lr_adv",), minimum=flags.SMALLEST
        ),
        "gan_p_trick": flags.Flag(
            "boolean", "--z_test=gan: whether log p(z) is added to the discriminator's output."
        ),
        "update_order": flags.Flag(
            "enum",
            "--z_test=gan: discriminator_first, as in the paper's Algorithm 1 (the default), or "
            "autoencoder_first, as in the program.",
            values=("discriminator_first", "autoencoder_first"),
        ),
    },
}
PROGRAM = {
    "z_test": flags.Flag(
        "enum", "The latent penalty: mmd (the default) or gan.", values=tuple(MODELS)
    ),
    "mode": flags.Flag(
        "enum",
        "train; test is refused, with the names of the programs that do its work.",
        values=("train", "test"),
    ),
}
# Flags of the WAE program that have no meaning any more.
REPLACED = {
    "work_dir": ("string", "a run writes to its run directory; name it with --run_dir."),
    "checkpoint": ("string", "a run is taken up from its run directory; name it with --run_dir."),
}


def main(argv=None):
    return runner.run(_train, argv)


def _train(words):
    penalty_flags = {name: flag for group in PENALTY_FLAGS.values() for name, flag in group.items()}
    values = command_line.parse(
        words,
        __doc__,
        flags.RUN,
        flags.SCORES,
        flags.SCORING,
        flags.MODEL,
        FLAGS,
        penalty_flags,
        PROGRAM,
        flags.DATA,
        flags.replaced(REPLACED),
    )
    if values["mode"] == "test":
        raise flags.UsageError(
            "--mode=test is done by other programs: python -m apps.sample --run_dir=... draws "
            "from a run, and python -m apps.reconstruct --run_dir=... reproduces test pictures. "
            "The WAE program's refinement of samples is not available."
        )
    stored = _stored_config(values)
    z_test = _z_test(values, stored)
    for other, group in PENALTY_FLAGS.items():
        for name in flags.given(values, group):
            if other != z_test:
                raise flags.UsageError(f"--{name} is an option of --z_test={other}.")
    default_dataset, crop = _data_defaults(values)
    return runner.train(
        MODELS[z_test],
        # What a stored run was made with is left to it.
        words if stored else words + crop,
        __doc__,
        default_dataset=default_dataset,
        extra_flags=FLAGS | PENALTY_FLAGS[z_test],
        # These do not define the run: they are dealt with above.
        drawing_flags=PROGRAM,
        extra_sheets=_sheets,
        replaced=REPLACED,
    )


def _stored_config(values):
    """Returns the configuration of the run that `--run_dir` names, if it is to be gone on with."""
    from genkeras.training import config

    if values["fresh"]:
        return None
    run_dir = values["run_dir"] and pathlib.Path(values["run_dir"]).expanduser()
    if run_dir and (run_dir / "config.json").exists():
        return config.load(run_dir)
    return None


def _z_test(values, stored):
    """Returns the penalty asked for, else that of the stored run, else MMD."""
    if values["z_test"] is None and stored is not None:
        return {model: name for name, model in MODELS.items()}.get(stored.model, "mmd")
    return values["z_test"] or "mmd"


def _data_defaults(values):
    """Returns the default data set, and the words of its default crop."""
    from genkeras.data.registry import canonical_name

    exp = values["exp"] or ""
    dataset = "celeba" if exp.startswith("celebA") else "mnist" if exp else "fashion_mnist"
    chosen = canonical_name(dataset if values["dataset"] is None else values["dataset"])
    free = not flags.given(values, ["crop", "crop_mode", "input_height", "input_width"])
    closecrop = exp.startswith("celebA") and chosen == "celeba" and free
    return dataset, ["--crop_mode=wae"] if closecrop else []


def _sheets(values, prepared):
    from genkeras.training.sheets.wae_panels import WAEPanels

    dataset = prepared.dataset
    return [WAEPanels(prepared.run_dir / "samples", dataset.train.images, dataset.test.images)]


if __name__ == "__main__":
    sys.exit(main())
