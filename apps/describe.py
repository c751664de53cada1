"""Prints and draws a model: its value function, defaults, networks, shapes and parameters.

python -m apps.describe --model=wgan_gp --output=wgan_gp.png
python -m apps.describe --model=vae --options=network=infogan --image_shape=64,64,3
"""

import json
import sys

from apps import command_line, flags, outputs, runner

FLAGS = {
    "model": flags.Flag("string", "Name of a model, such as nsgan, wgan_gp or vae."),
    "image_shape": flags.Flag("list", "Height, width, channels. Default: 28,28,1."),
    "num_classes": flags.Flag(
        "integer",
        "Classes of a conditional model. Default: 10.",
        default=10,
        minimum=1,
        maximum=65_536,
    ),
    "width": flags.MODEL["width"],
    "latent_dim": flags.MODEL["latent_dim"],
    "options": flags.Flag(
        "list", "Other options of the model: --options=network=infogan,learning_rate=0.001."
    ),
    "output": flags.Flag("path", "figure.png: where the figure goes. Default: not drawn."),
}


def main(argv=None):
    return runner.run(_describe, argv)


def _describe(words):
    values = command_line.parse(words, __doc__, FLAGS)
    flags.require(values, "model")
    runner.require_model(values["model"], "model")
    outputs.require_png(values)
    image_shape = _image_shape(values["image_shape"] or ["28", "28", "1"])
    options = dict(map(_option, values["options"] or []))
    options |= flags.given(values, ["width", "latent_dim"])
    from genkeras.evaluation import description

    described = description.describe(values["model"], image_shape, values["num_classes"], options)
    print(description.to_text(described))
    if values["output"]:
        description.draw(described, values["output"])
        print(f"Figure: {values['output']}")


def _image_shape(words):
    if len(words) != 3 or not all(word.strip().isdecimal() and int(word) > 0 for word in words):
        raise flags.UsageError(
            f"--image_shape={','.join(words)}: expected height, width and channels: 28,28,1."
        )
    return tuple(map(int, words))


def _option(word):
    name, equals, text = word.partition("=")
    if not equals or not name:
        raise flags.UsageError(f"--options={word}: expected name=value.")
    try:
        return name, json.loads(text)
    except ValueError:
        return name, text


if __name__ == "__main__":
    sys.exit(main())
