"""Draws lines between two codes of a trained run, one in every row.

python -m apps.interpolate --run_dir=checkpoints/vae/mnist/default --output=lines.png
python -m apps.interpolate --run_dir=checkpoints/vae/mnist/default --from_test --output=lines.png
"""

import sys

from apps import command_line, flags, outputs, runner

FLAGS = {
    "run_dir": flags.Flag("path", "The run directory that a training command printed."),
    "best": flags.BEST,
    "output": flags.Flag("path", "lines.png: the sheet."),
    "num_lines": flags.Flag("integer", "How many lines.", default=8, minimum=1, maximum=500),
    "num_steps": flags.Flag(
        "integer", "Pictures on a line, both ends included.", default=10, minimum=2, maximum=500
    ),
    "seed": flags.Flag(
        "integer",
        "The same seed gives the same lines. Default: 0.",
        default=0,
        minimum=0,
        maximum=flags.MAX_SEED,
    ),
    "from_test": flags.Flag(
        "boolean",
        "Lines between the codes of test pictures, which stand at the ends, instead of samples "
        "of the prior. GANs: latents are searched for that come near to the pictures.",
    ),
    "labels": flags.Flag(
        "list",
        "Conditional models: classes by number or name, one for each line in turn. Default: drawn.",
        ("label",),
    ),
    "data_dir": flags.DATA["data_dir"],
    "cache_dir": flags.DATA["cache_dir"],
}


def main(argv=None):
    return runner.run(_interpolate, argv)


def _interpolate(words):
    values = command_line.parse(words, __doc__, FLAGS)
    flags.require(values, "run_dir", "output")
    outputs.require_png(values)
    from genkeras.evaluation import interpolation

    kind = interpolation.interpolate(
        values["run_dir"],
        values["output"],
        num_lines=values["num_lines"],
        num_steps=values["num_steps"],
        seed=values["seed"],
        from_test=bool(values["from_test"]),
        labels=values["labels"],
        best=bool(values["best"]),
        **runner.data_options(values),
    )
    print(f"{values['num_lines']} lines ({kind} interpolation) in {values['output']}")


if __name__ == "__main__":
    sys.exit(main())
