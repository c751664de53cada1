"""Scores a trained run, or pictures from anywhere, beside real test pictures.

python -m apps.evaluate --run_dir=checkpoints/nsgan/fashion_mnist/default
python -m apps.evaluate --images=samples.npz --dataset=fashion_mnist --json=scores.json
python -m apps.launch --workers=4 -- apps.evaluate --run_dir=... (each computes its share)
"""

import contextlib
import sys

from apps import command_line, flags, outputs, runner

FLAGS = {
    "run_dir": flags.Flag("path", "The run directory that a training command printed."),
    "best": flags.BEST,
    "images": flags.Flag(
        "path",
        "Instead of a run: a folder of pictures, or an .npz with a uint8 array `images` (N, H, W, "
        "C); held against the test split of --dataset, or against --reference.",
    ),
    "reference": flags.Flag("path", "A folder or .npz, instead of --dataset."),
    "seed": flags.Flag(
        "integer", "Seed of the samples.", default=0, minimum=0, maximum=flags.MAX_SEED
    ),
    "json": flags.Flag("path", "File for all numbers; docs/scores.md describes it."),
    "neighbours": flags.Flag(
        "path", "neighbours.png: samples, each with its nearest training picture to the right."
    ),
    "against": flags.Flag(
        "path", "The --json file of an earlier evaluation: tells which scores differ from it."
    ),
}


def main(argv=None):
    return runner.run(_evaluate, argv)


def _evaluate(words):
    values = command_line.parse(words, __doc__, FLAGS, flags.SCORES, flags.DATA)
    _check(values)
    outputs.require_file(values, "json")
    outputs.require_png(values, "neighbours")
    outputs.require_distinct(values, ["json", "neighbours"], ["against", "images", "reference"])
    from genkeras.evaluation import evaluate, evaluation_table, evaluator

    devices = runner.distribution()
    earlier = evaluation_table.load(values["against"]) if values["against"] else None
    protocol = evaluator.Protocol(**runner.protocol_options(values), seed=values["seed"])
    data = runner.data_options(values)
    is_chief = devices is None or devices.is_chief
    files = evaluate.Outputs(values["json"], values["neighbours"], written=is_chief)
    with devices.sharing() if devices else contextlib.nullcontext():
        if values["run_dir"]:
            result = evaluate.evaluate_run(
                values["run_dir"],
                protocol,
                best=bool(values["best"]),
                outputs=files,
                earlier=earlier,
                **{name: data[name] for name in ("data_dir", "cache_dir") if name in data},
            )
        else:
            result = evaluate.evaluate_images(
                values["images"],
                protocol,
                dataset=values["dataset"],
                data=data,
                reference=values["reference"],
                outputs=files,
                earlier=earlier,
            )
    if not is_chief:
        return
    print(evaluation_table.table(result, earlier))
    for name in ("json", "neighbours"):
        if values[name]:
            print(f"{'Numbers' if name == 'json' else 'Neighbours'}: {values[name]}")


def _check(values):
    if bool(values["run_dir"]) == bool(values["images"]):
        raise flags.UsageError("Give one of --run_dir and --images.")
    if values["images"] and bool(values["dataset"]) == bool(values["reference"]):
        raise flags.UsageError(
            "--images are held against other pictures: give one of --dataset and --reference."
        )
    data = [name for name in flags.DATA if name not in ("data_dir", "cache_dir")]
    if values["run_dir"]:
        for name in ("reference", *data):
            if values[name] is not None:
                raise flags.UsageError(
                    f"--{name} does not go with --run_dir, which knows its data."
                )
    elif values["best"]:
        raise flags.UsageError("--best goes with --run_dir.")
    elif values["reference"]:
        for name in data:
            if values[name] is not None:
                raise flags.UsageError(
                    f"--{name} does not go with --reference, whose pictures are taken as they are."
                )


if __name__ == "__main__":
    sys.exit(main())
