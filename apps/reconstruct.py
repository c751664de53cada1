"""Reproduces test pictures with an autoencoder and measures the error.

python -m apps.reconstruct --run_dir=checkpoints/vae/mnist/default --output=reconstructions.png
"""

import sys

from apps import flags, runner

FLAGS = {
    "run_dir": flags.Flag("path", "The run directory that a training command printed."),
    "num_images": flags.Flag(
        "integer", "The first so many pictures of the test split.", default=64, minimum=1
    ),
    "output": flags.Flag("path", "sheet.png: originals, each with its reproduction to the right."),
    "json": flags.Flag("path", "File for the error of every picture."),
    "data_dir": flags.DATA["data_dir"],
    "cache_dir": flags.DATA["cache_dir"],
}


def main(argv=None):
    return runner.run(_reconstruct, argv)


def _reconstruct(words):
    values = flags.parse(words, __doc__, FLAGS)
    flags.require(values, "run_dir")
    runner.require_png(values)
    runner.require_file(values, "json")
    from genkeras.evaluation import reconstruction

    result = reconstruction.reconstruct(
        values["run_dir"],
        values["num_images"],
        output=values["output"],
        json=values["json"],
        **runner.data_options(values),
    )
    error = result["mean_squared_error"]
    print(
        f"Mean squared error of {result['num_images']} test pictures of {result['dataset']} "
        f"({error['protocol']}): mean {error['mean']:.5f}, "
        f"min {error['min']:.5f}, max {error['max']:.5f}"
    )
    for name in ("output", "json"):
        if values[name]:
            print(f"{'Sheet' if name == 'output' else 'Numbers'}: {values[name]}")


if __name__ == "__main__":
    sys.exit(main())
