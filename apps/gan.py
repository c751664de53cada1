"""Trains the GAN (minimax value function, Goodfellow et al., 2014).

python -m apps.gan --dataset=fashion_mnist_sample --width=16 --epochs=12
"""

import sys

from apps import flags, runner


def main(argv=None):
    return runner.train("gan", argv, __doc__, extra_flags=flags.GAN | flags.ADAM)


if __name__ == "__main__":
    sys.exit(main())
