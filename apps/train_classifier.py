"""Trains a small classifier whose features and probabilities score pictures of its data set.

python -m apps.train_classifier --dataset=folder:flowers --output=flowers.npz

Any data set with labels works: a folder with one sub-folder per class, or CelebA with
--label=Smiling. The scores then use it with --features=flowers.npz. Classifiers for MNIST and
Fashion-MNIST come with genkeras.
"""

import shlex
import signal
import sys

from apps import command_line, flags, outputs, runner

FLAGS = {
    "epochs": flags.RUN["epochs"],
    "batch_size": flags.RUN["batch_size"],
    "seed": flags.RUN["seed"],
    "flip": flags.Flag(
        "boolean",
        "Mirror training pictures at random. Default: only for Fashion-MNIST and CelebA, since "
        "a mirrored digit is none.",
    ),
    "output": flags.Flag("path", "classifier.npz: the file to make."),
    "overwrite": flags.Flag("boolean", "Replace the file if it exists.", default=False),
}


def main(argv=None):
    return runner.run(_train_classifier, argv)


def _train_classifier(words):
    values = command_line.parse(words, __doc__, FLAGS, flags.DATA)
    flags.require(values, "dataset", "output")
    if not values["output"].endswith(".npz"):
        raise flags.UsageError(f"--output={values['output']}: expected the name of a .npz file.")
    outputs.require_file(values, "output")
    from genkeras.training import classifier

    try:
        meta = classifier.train(
            values["dataset"],
            runner.data_options(values),
            values["output"],
            overwrite=values["overwrite"],
            command=shlex.join(["python", "-m", "apps.train_classifier", *words]),
            **flags.given(values, ["epochs", "batch_size", "seed", "flip"]),
        )
    except KeyboardInterrupt as stop:
        print("Stopped; no classifier was written.", file=sys.stderr)
        return runner.SIGNALLED + getattr(stop, "signal_number", signal.SIGINT)
    print(
        f"Accuracy on the {meta['num_test']} test pictures of {meta['dataset']}: "
        f"{meta['test_accuracy']:.2%}\nClassifier: {values['output']}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
