"""Trains the Wasserstein GAN with gradient penalty (Gulrajani et al., 2017).

python -m apps.wgan_gp --dataset=fashion_mnist_sample --width=16 --epochs=12
"""

import sys

from apps import flags, runner

FLAGS = {
    **flags.GAN,
    **flags.ADAM,
    "beta_2": flags.Flag(
        "float", "Adam's second-moment decay.", minimum=0.0, maximum=flags.BELOW_ONE
    ),
    "gradient_penalty_weight": flags.Flag(
        "float", "Weight of the gradient penalty (lambda). Default: 10.", minimum=0.0
    ),
    "critic_normalization": flags.Flag(
        "enum",
        "none (the default) or layer normalization in the critic.",
        values=("none", "layer"),
    ),
}


def main(argv=None):
    return runner.train("wgan_gp", argv, __doc__, extra_flags=FLAGS)


if __name__ == "__main__":
    sys.exit(main())
