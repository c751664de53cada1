"""Draws pictures from a trained run.

python -m apps.sample --run_dir=checkpoints/vae/mnist/default --num_images=64 --output=sheet.png
"""

import sys

from apps import flags, runner

FLAGS = {
    "run_dir": flags.Flag("path", "The run directory that a training command printed."),
    "best": flags.BEST,
    "num_images": flags.Flag(
        "integer", "How many pictures.", default=64, minimum=1, maximum=10_000_000
    ),
    "seed": flags.Flag(
        "integer",
        "The same seed gives the same pictures. Default: 0.",
        default=0,
        minimum=0,
        maximum=flags.MAX_SEED,
    ),
    "labels": flags.Flag(
        "list",
        "Conditional models: classes by number or name, repeated over the pictures in turn: "
        "--labels=3, --labels=0,1,2. Default: drawn.",
    ),
    "output": flags.Flag(
        "path",
        "sheet.png: one sheet; samples.npz: the array `images`, uint8 (N, H, W, C), and the "
        "`labels` of a conditional model; folder/: single pictures.",
    ),
}


def main(argv=None):
    return runner.run(_sample, argv)


def _sample(words):
    values = flags.parse(words, __doc__, FLAGS)
    flags.require(values, "run_dir", "output")
    from genkeras.evaluation import sampling

    sampling.write_samples(
        values["run_dir"],
        values["num_images"],
        values["seed"],
        values["output"],
        values["labels"],
        best=bool(values["best"]),
    )
    print(f"{values['num_images']} pictures in {values['output']}")


if __name__ == "__main__":
    sys.exit(main())
