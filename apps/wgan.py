"""Trains the Wasserstein GAN with weight clipping (Arjovsky et al., 2017).

python -m apps.wgan --dataset=fashion_mnist_sample --width=16 --epochs=12
"""

import sys

from apps import flags, runner

FLAGS = {
    **flags.GAN,
    "clip_value": flags.Flag(
        "float", "The critic's weights stay in [-c, c]. Default: 0.01.", minimum=1e-12
    ),
    "critic_warmup": flags.Flag(
        "boolean",
        "100 critic updates before each of the first 25 generator updates and before every "
        "500th, as in the authors' program. An epoch stays one pass over the pictures, so it "
        "has fewer generator updates.",
    ),
}


def main(argv=None):
    return runner.train("wgan", argv, __doc__, extra_flags=FLAGS)


if __name__ == "__main__":
    sys.exit(main())
