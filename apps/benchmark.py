"""Measures how fast models train on this machine.

python -m apps.benchmark --models=nsgan,wgan_gp --width=16,64 --json=benchmark.json

Each model is trained on random pictures in a process of its own, as its training program
does it. The fraction of the ceiling is the time that the arithmetic and the optimizer's
memory traffic of a step need at the rates of this machine's matrix products and copies,
over the time that the step took. DCGAN makes one generator update per step here, as in its
paper, and not the two of its training program.
"""

import datetime
import pathlib
import sys

from apps import command_line, flags, outputs, runner

# The networks of a benchmark are those of a comparison.
# DCGAN's step is that of other implementations, which it is measured beside.
MODEL_OPTIONS = {"vae": {"network": "infogan"}, "dcgan": {"generator_steps": 1}}
# DCGAN's own pictures are 64×64 in colour, the other models' 28×28 in grey.
IMAGE_SHAPES = {"dcgan": (64, 64, 3)}
# What no machine trains would be found out by running out of memory.
MAXIMA = {"width": 4096, "batch_size": 65_536}
FLAGS = {
    "models": flags.Flag("list", "Names of models, with commas. Default: all nine."),
    "width": flags.Flag("list", "Widths of the networks, with commas.", default=["16"]),
    "batch_size": flags.Flag("list", "Batch sizes, with commas.", default=["64"]),
    "image_size": flags.Flag(
        "integer",
        "Height and width of the pictures. Default: 28, and 64 for dcgan.",
        minimum=8,
        maximum=1024,
    ),
    "channels": flags.Flag(
        "enum", "Of the pictures. Default: 1, and 3 for dcgan.", values=("1", "3")
    ),
    "num_images": flags.Flag(
        "integer",
        "Pictures in the data set. Default: --steps batches.",
        minimum=1,
        maximum=10_000_000,
    ),
    "steps": flags.Flag(
        "integer", "Training steps of a round.", default=40, minimum=1, maximum=100_000
    ),
    "rounds": flags.Flag(
        "integer", "Rounds that are measured.", default=5, minimum=1, maximum=1000
    ),
    "json": flags.Flag("path", "File for the numbers."),
}


def main(argv=None):
    return runner.run(_benchmark, argv)


def _benchmark(words):
    values = command_line.parse(words, __doc__, FLAGS)
    from genkeras import registry

    models = list(registry.MODELS) if values["models"] is None else values["models"]
    for model in models:
        runner.require_model(model, "models")
    widths, batch_sizes = (_numbers(values, name) for name in ("width", "batch_size"))
    outputs.require_file(values, "json")
    from genkeras.evaluation import benchmark

    machine = benchmark.ceilings()
    results = []
    for model in models:
        for width in widths:
            for batch_size in batch_sizes:
                workload = benchmark.Workload(
                    model,
                    {"width": width, "batch_size": batch_size} | MODEL_OPTIONS.get(model, {}),
                    _image_shape(model, values),
                    values["rounds"],
                    values["steps"],
                    values["num_images"],
                )
                measured = benchmark.measure(workload)
                measured["fraction_of_ceiling"] = benchmark.fraction_of_ceiling(measured, machine)
                row = {"model": model, "width": width, "batch_size": batch_size} | measured
                row["image_shape"] = list(workload.image_shape)
                results.append(row)
                print(_line(row), flush=True)
    print("Ceilings: " + ", ".join(f"{name} {rate:.1f}" for name, rate in machine.items()))
    if values["json"]:
        from genkeras import atomic

        facts = {
            "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "ceilings": machine,
        }
        atomic.write_json(pathlib.Path(values["json"]), facts | {"results": results})
        print(f"Numbers: {values['json']}")


def _numbers(values, name):
    try:
        numbers = [int(word) for word in values[name]]
    except ValueError:
        numbers = []
    most = MAXIMA[name]
    if not numbers or min(numbers) < 1 or max(numbers) > most:
        raise flags.UsageError(
            f"--{name}={','.join(values[name])}: expected integers from 1 to {most}, with commas."
        )
    return numbers


def _image_shape(model, values):
    height, width, channels = IMAGE_SHAPES.get(model, (28, 28, 1))
    size = values["image_size"]
    return (size or height, size or width, int(values["channels"] or channels))


def _line(row):
    return (
        f"{row['model']:8} width {row['width']:3}, batch {row['batch_size']:4}: "
        f"{row['images_per_second']:8.1f} images/s (best {row['images_per_second_best']:.1f}, "
        f"worst {row['images_per_second_worst']:.1f}), step {1e3 * row['step_seconds']:.1f} ms, "
        f"{row['fraction_of_ceiling']:.0%} of the ceiling, {row['share_outside_step']:.0%} "
        f"outside the step, first step after {row['seconds_to_first_step']:.1f} s, "
        f"{row['peak_resident_megabytes']:.0f} MB"
    )


if __name__ == "__main__":
    sys.exit(main())
