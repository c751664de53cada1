"""Trains several models alike on one data set, scores them, and compares them in a report.

python -m apps.compare --models=gan,nsgan,vae --dataset=fashion_mnist_sample --width=16 \\
    --epochs=15 --output_dir=results/first
"""

import pathlib
import sys

from apps import command_line, flags, runner

NINE = ["gan", "nsgan", "cgan", "wgan", "wgan_gp", "dcgan", "vae", "wae_mmd", "wae_gan"]
# Presets fill in what the command line leaves open.
PRESETS = {
    "demo": {
        "models": NINE,
        "dataset": "fashion_mnist_sample",
        "width": 16,
        "epochs": 6,
        "num_images": 2000,
        "eval_every": 3,
    },
    # The published comparison of six models on Fashion-MNIST.
    "fashion_mnist_40": {
        "models": ["gan", "nsgan", "cgan", "wgan", "wgan_gp", "vae"],
        "dataset": "fashion_mnist",
        "epochs": 40,
        "eval_every": 5,
    },
    # The published comparison of autoencoders with DCGAN, and the other models beside them.
    "reproduction": {"models": NINE, "dataset": "mnist", "epochs": 10},
    "reproduction_celeba": {
        "models": ["vae", "wae_mmd", "wae_gan", "dcgan"],
        "dataset": "celeba",
        "crop": True,
        "input_height": 108,
        "epochs": 25,
    },
}
# One protocol: the models of a comparison share batch and epochs, and networks where they can.
SHARED = {"batch_size": 64}
MODEL_OPTIONS = {
    # Of the same pictures they make a fifth of the other models' generator updates: at their
    # papers' rates, 5e-5 and 1e-4, they have hardly begun when the others are done. What was
    # tried stands in docs/results/README.md.
    "wgan": {"learning_rate": 1e-3, "discriminator_learning_rate": 2e-4},
    "wgan_gp": {"learning_rate": 1e-3, "discriminator_learning_rate": 1e-3},
    "vae": {"network": "infogan"},
    # Its convolutional networks, not the small perceptron.
    "wae_mmd": {"exp": "mnist"},
    "wae_gan": {"exp": "mnist"},
}
# What a preset sets otherwise, for one model; flags that are given come before these too.
PRESET_OPTIONS = {
    # Perceptrons: a step of the convolutional networks takes a quarter of a second.
    "demo": {"wae_mmd": {"exp": "mnist_small"}, "wae_gan": {"exp": "mnist_small"}},
    # The VAE and the WAEs as published; DCGAN on the networks and for the epochs of its program,
    # but with one generator update a step: two leave this discriminator behind (see there too).
    "reproduction": {
        "vae": {"network": "mlp", "epochs": 60, "batch_size": 128},
        "wae_mmd": {"epochs": 5, "batch_size": 100},
        "wae_gan": {"epochs": 5, "batch_size": 100},
        "dcgan": {"conditional": True, "generator_steps": 1, "epochs": 25},
    },
    "reproduction_celeba": {
        "vae": {"network": "infogan", "latent_dim": 20, "epochs": 60, "batch_size": 128},
        "wae_mmd": {"exp": "celebA", "epochs": 5, "batch_size": 100},
        "wae_gan": {"exp": "celebA", "epochs": 5, "batch_size": 100},
    },
}
FLAGS = {
    "preset": flags.Flag(
        "enum",
        "demo: all nine models on the pictures that come with genkeras. fashion_mnist_40: six "
        "models, 40 epochs on Fashion-MNIST. reproduction: on MNIST VAE (60 epochs), WAEs (5) and "
        "conditional DCGAN (25), and the other models (10) beside them. reproduction_celeba: "
        "VAE, WAEs and DCGAN on CelebA. Other flags change what a preset says.",
        values=tuple(PRESETS),
    ),
    "models": flags.Flag("list", "Names of models, with commas: gan,nsgan,vae."),
    "output_dir": flags.Flag("path", "Folder of the report. Default: results/<preset>."),
    "seeds": flags.Flag(
        "integer",
        "Trainings of each model, with seeds from --seed on. Three or more tell which model is "
        "better; fewer only whether runs differ. Default: 1.",
        default=1,
        minimum=1,
        maximum=1000,
    ),
    "epochs": flags.RUN["epochs"],
    "batch_size": flags.RUN["batch_size"],
    "seed": flags.RUN["seed"],
    "width": flags.MODEL["width"],
    "latent_dim": flags.MODEL["latent_dim"],
    "eval_every": flags.Flag(
        "integer",
        "Epochs after which samples are scored during training, for the curves. Default: 0, never.",
        minimum=0,
    ),
}


def main(argv=None):
    return runner.run(_compare, argv)


def _compare(words):
    values = command_line.parse(words, __doc__, FLAGS, flags.SCORES, flags.DATA)
    preset = PRESETS.get(values["preset"], {})
    given = frozenset(name for name, value in values.items() if value is not None)
    values |= {name: value for name, value in preset.items() if values[name] is None}
    flags.require(values, "models", "epochs")
    _check_models(values["models"])
    output_dir = values["output_dir"] or f"results/{values['preset'] or 'comparison'}"
    from genkeras.evaluation import compare, report_tables

    options = flags.given(values, ["epochs", "batch_size", "width", "latent_dim"])
    results = compare.compare(
        compare.Comparison(
            models=tuple(values["models"]),
            dataset="fashion_mnist" if values["dataset"] is None else values["dataset"],
            data=runner.data_options(values),
            options=SHARED | options,
            model_options=_model_options(values, given),
            protocol=runner.protocol_options(values),
            num_seeds=values["seeds"],
            seed=values["seed"] or 0,
            score_every=values["eval_every"] or 0,
        ),
        output_dir,
    )
    print(report_tables.plain_table(results))
    print(f"Report: {pathlib.Path(output_dir) / 'report.html'}")


def _model_options(values, given):
    """Returns what a single model takes, beside what all share and what flags say."""
    special = PRESET_OPTIONS.get(values["preset"], {})
    return {
        model: {
            name: value
            for name, value in (MODEL_OPTIONS.get(model, {}) | special.get(model, {})).items()
            if name not in given
        }
        for model in values["models"]
    }


def _check_models(models):
    for index, model in enumerate(models):
        runner.require_model(model, "models")
        if model in models[:index]:
            raise flags.UsageError(f"--models names {model} twice.")


if __name__ == "__main__":
    sys.exit(main())
