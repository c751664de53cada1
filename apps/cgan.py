"""Trains the conditional GAN (Mirza and Osindero, 2014) on pictures with classes.

python -m apps.cgan --dataset=fashion_mnist_sample --width=16 --epochs=12
python -m apps.cgan --dataset=celeba --label=Smiling --width=16
"""

import sys

from apps import flags, runner


def main(argv=None):
    return runner.train("cgan", argv, __doc__, extra_flags=flags.GAN | flags.ADAM)


if __name__ == "__main__":
    sys.exit(main())
