"""Reproduces test pictures with a trained model and measures the error.

An autoencoder encodes and decodes them. A GAN has no encoder: the latents from which its
generator comes closest to each picture are searched for.

python -m apps.reconstruct --run_dir=checkpoints/vae/mnist/default --output=reconstructions.png
"""

import sys

from apps import command_line, flags, outputs, runner

FLAGS = {
    "run_dir": flags.Flag("path", "The run directory that a training command printed."),
    "best": flags.BEST,
    "num_images": flags.Flag(
        "integer", "The first so many pictures of the test split.", default=64, minimum=1
    ),
    "output": flags.Flag("path", "sheet.png: originals, each with its reproduction to the right."),
    "json": flags.Flag("path", "File for the errors of every picture."),
    "restarts": flags.Flag(
        "integer",
        "GANs: searches per picture, each from another draw of the prior; the best is kept. "
        "Default: 4.",
        default=4,
        minimum=1,
        maximum=1000,
    ),
    "steps": flags.Flag(
        "integer", "GANs: steps of a search, at most. Default: 200.", default=200, minimum=1
    ),
    "seed": flags.Flag(
        "integer",
        "GANs: where the searches start; the same seed gives the same reproductions. Default: 0.",
        default=0,
        minimum=0,
        maximum=flags.MAX_SEED,
    ),
    "data_dir": flags.DATA["data_dir"],
    "cache_dir": flags.DATA["cache_dir"],
}

# Of each measure: digits after the point.
DIGITS = {
    "mean_squared_error": 5,
    "peak_signal_to_noise_ratio": 2,
    "structural_similarity": 4,
}


def main(argv=None):
    return runner.run(_reconstruct, argv)


def _reconstruct(words):
    values = command_line.parse(words, __doc__, FLAGS)
    flags.require(values, "run_dir")
    outputs.require_png(values)
    outputs.require_file(values, "json")
    outputs.require_distinct(values, ["output", "json"])
    from genkeras.evaluation import reconstruction

    result = reconstruction.reconstruct(
        values["run_dir"],
        values["num_images"],
        output=values["output"],
        json=values["json"],
        search={
            "num_restarts": values["restarts"],
            "num_steps": values["steps"],
            "seed": values["seed"],
        },
        best=bool(values["best"]),
        **runner.data_options(values),
    )
    print(
        f"{result['num_images']} test pictures of {result['dataset']} reproduced by "
        f"{result['model']} ({result['method']}); {result['mean_squared_error']['protocol']}:"
    )
    for name, digits in DIGITS.items():
        print(f"  {name.replace('_', ' ')}: {_numbers(result[name], digits)}")
    for name in ("output", "json"):
        if values[name]:
            print(f"{'Sheet' if name == 'output' else 'Numbers'}: {values[name]}")


def _numbers(measure, digits):
    if "left_out" in measure:
        return f"left out, {measure['left_out']}"
    return ", ".join(
        f"{name} {'infinite' if measure[name] is None else format(measure[name], f'.{digits}f')}"
        for name in ("mean", "min", "max")
    )


if __name__ == "__main__":
    sys.exit(main())
