"""Draws pictures from a trained run, or from a sampler that comes with genkeras's source.

python -m apps.sample --run_dir=checkpoints/vae/mnist/default --num_images=64 --output=sheet.png
python -m apps.sample --pretrained=cgan_fashion_mnist --num_images=64 --output=sheet.png
"""

import sys

from apps import command_line, flags, outputs, runner

FLAGS = {
    "run_dir": flags.Flag("path", "The run directory that a training command printed."),
    "pretrained": flags.Flag(
        "string", "Instead of a run: the name of a folder in checkpoints/pretrained."
    ),
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
    values = command_line.parse(words, __doc__, FLAGS)
    if values["pretrained"] is None:
        flags.require(values, "run_dir")
    elif values["run_dir"] is not None or values["best"]:
        raise flags.UsageError("--pretrained is instead of --run_dir and --best: give one of them.")
    flags.require(values, "output")
    outputs.require_place(values, "output")
    count, seed, output = values["num_images"], values["seed"], values["output"]
    from genkeras.evaluation import sampling

    if values["pretrained"] is None:
        sampling.write_samples(
            values["run_dir"], count, seed, output, values["labels"], best=bool(values["best"])
        )
    else:
        from genkeras.serving import pretrained

        sampling.check_output(output)
        sampler = pretrained.load(values["pretrained"])
        labels = pretrained.chosen_labels(sampler, values["labels"], count, seed)
        blocks = pretrained.sample_blocks(sampler, count, seed, labels)
        sampling.write_pictures(output, blocks, count, labels)
    print(f"{count} pictures in {output}")


if __name__ == "__main__":
    sys.exit(main())
