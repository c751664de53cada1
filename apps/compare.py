"""Trains several models alike on one data set, scores them, and compares them in a report.

python -m apps.compare --models=gan,nsgan,vae --dataset=fashion_mnist_sample --width=16 \\
    --epochs=15 --output_dir=results/first
"""

import pathlib
import sys

from apps import flags, runner

# Presets fill in what the command line leaves open.
PRESETS = {
    "demo": {
        "models": [
            "gan",
            "nsgan",
            "cgan",
            "wgan",
            "wgan_gp",
            "dcgan",
            "vae",
            "wae_mmd",
            "wae_gan",
        ],
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
    # The published comparison of autoencoders with DCGAN, on MNIST; --dataset=celeba is the other.
    "reproduction": {
        "models": ["vae", "wae_mmd", "wae_gan", "dcgan"],
        "dataset": "mnist",
        "epochs": 20,
    },
}
FLAGS = {
    "preset": flags.Flag(
        "enum",
        "demo: all nine models on the pictures that come with genkeras. fashion_mnist_40: six "
        "models, 40 epochs on Fashion-MNIST. reproduction: VAE, both WAEs and DCGAN on MNIST, or "
        "on --dataset=celeba. Other flags change what a preset says.",
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
# One protocol: the models of a comparison share their networks, batch and epochs.
SHARED = {"batch_size": 64}
MODEL_OPTIONS = {
    "vae": {"network": "infogan"},
    # Its convolutional networks, not the small perceptron.
    "wae_mmd": {"exp": "mnist"},
    "wae_gan": {"exp": "mnist"},
}


# Its perceptrons: a step of the convolutional networks takes a quarter of a second.
DEMO_OPTIONS = {"wae_mmd": {"exp": "mnist_small"}, "wae_gan": {"exp": "mnist_small"}}


def main(argv=None):
    return runner.run(_compare, argv)


def _compare(words):
    values = flags.parse(words, __doc__, FLAGS, flags.SCORES, flags.DATA)
    preset = PRESETS.get(values["preset"], {})
    values |= {name: value for name, value in preset.items() if values[name] is None}
    flags.require(values, "models", "epochs")
    _check_models(values["models"])
    output_dir = values["output_dir"] or f"results/{values['preset'] or 'comparison'}"
    from genkeras.evaluation import compare, report_tables

    options = flags.given(values, ["epochs", "batch_size", "width", "latent_dim"])
    results = compare.compare(
        compare.Comparison(
            models=tuple(values["models"]),
            dataset=values["dataset"] or "fashion_mnist",
            data=runner.data_options(values),
            options=SHARED | options,
            model_options=MODEL_OPTIONS | (DEMO_OPTIONS if values["preset"] == "demo" else {}),
            protocol=runner.protocol_options(values),
            num_seeds=values["seeds"],
            seed=values["seed"] or 0,
            score_every=values["eval_every"] or 0,
        ),
        output_dir,
    )
    print(report_tables.plain_table(results))
    print(f"Report: {pathlib.Path(output_dir) / 'report.html'}")


def _check_models(models):
    if not models:
        raise flags.UsageError("--models= names no model: --models=gan,vae.")
    for index, model in enumerate(models):
        runner.require_model(model, "models")
        if model in models[:index]:
            raise flags.UsageError(f"--models names {model} twice.")


if __name__ == "__main__":
    sys.exit(main())
