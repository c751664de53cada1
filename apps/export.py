"""Makes a sampler of a trained run that needs neither Keras nor genkeras.

python -m apps.export --run_dir=checkpoints/vae/mnist/default
python -m apps.export --run_dir=checkpoints/vae/mnist/default --output=samplers --name=digits
python -m apps.export --run_dir=checkpoints/vae/mnist/default --format=onnx
"""

import sys

from apps import command_line, flags, runner

FLAGS = {
    "run_dir": flags.Flag("path", "The run directory that a training command printed."),
    "best": flags.BEST,
    "output": flags.Flag(
        "path",
        "Folder of samplers, which a server can read. Default: the folder export of the run "
        "directory.",
    ),
    "decoder_only": flags.Flag(
        "boolean",
        "Leave the encoder of an autoencoder out: a smaller SavedModel, without the signatures "
        "encode and reconstruct. ONNX and LiteRT never have it.",
    ),
    "name": flags.Flag("string", "The sampler's name. Default: MODEL_DATASET."),
    "version": flags.Flag(
        "integer",
        "Its number; none that exists. Default: the next one.",
        minimum=1,
        maximum=flags.MAX_SEED,
    ),
    "format": flags.Flag(
        "enum",
        "A SavedModel; or, with the decoder or generator alone, model.onnx (pip install tf2onnx "
        "onnx onnxruntime) or model.tflite.",
        default="saved_model",
        values=("saved_model", "onnx", "litert"),
    ),
}


def main(argv=None):
    return runner.run(_export, argv)


def _export(words):
    values = command_line.parse(words, __doc__, FLAGS)
    flags.require(values, "run_dir")
    from genkeras.serving import export

    path = export.export_run(
        values["run_dir"],
        values["output"],
        values["name"],
        values["version"],
        format=values["format"],
        best=bool(values["best"]),
        decoder_only=bool(values["decoder_only"]),
    )
    print(f"Sampler: {path}")
    commands = export.commands(path)
    if commands:
        print("Try it with\n" + "\n".join(f"  {command}" for command in commands))


if __name__ == "__main__":
    sys.exit(main())
