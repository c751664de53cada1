"""Trains the improved GAN (non-saturating, the log-D trick of Goodfellow et al., 2014, section 3).

python -m apps.nsgan --dataset=fashion_mnist_sample --width=16 --epochs=12
"""

import sys

from apps import flags, runner


def main(argv=None):
    return runner.train("nsgan", argv, __doc__, extra_flags=flags.GAN | flags.ADAM)


if __name__ == "__main__":
    sys.exit(main())
