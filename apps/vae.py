"""Trains the variational autoencoder (Kingma & Welling, 2014).

python -m apps.vae --dim_z=20
"""

import sys

from apps import flags, runner

FLAGS = {
    "network": flags.Flag(
        "enum",
        "mlp: the network of tensorflow-mnist-VAE (the default); infogan: the convolutional "
        "network that the models of the comparison share, better for colour or large pictures.",
        values=("mlp", "infogan"),
    ),
    "n_hidden": flags.Flag("integer", "Hidden units of the mlp. Default: 500.", minimum=1),
    "dropout_rate": flags.Flag(
        "float", "Share of hidden units of the mlp dropped in training.", minimum=0.0, maximum=0.99
    ),
}


def main(argv=None):
    return runner.train("vae", argv, __doc__, default_dataset="mnist", extra_flags=FLAGS)


if __name__ == "__main__":
    sys.exit(main())
