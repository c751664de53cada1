"""What a flag is, and the flags that apps share.

A flag that is not given is `None`: the paper's value.
"""

import dataclasses
import pathlib

MAX_SEED = 2**63 - 1
# What is above 0: a rate of 0 would train nothing.
SMALLEST = 1e-30
# What is below 1: a decay of 1 would never move.
BELOW_ONE = 1.0 - 1e-9


class UsageError(Exception):
    """The command line makes no sense; the message says why."""


@dataclasses.dataclass(frozen=True)
class Flag:
    """A flag's definition: how it is called elsewhere, and what it may be.

    `kind` is `string`, `path` (a `~` is expanded), `integer`, `float`, `boolean`, `enum` or
    `list`.
    """

    kind: str
    help: str
    aliases: tuple[str, ...] = ()
    default: object = None
    minimum: float | None = None
    maximum: float | None = None
    values: tuple[str, ...] = ()


DATA = {
    "dataset": Flag(
        "string",
        "mnist, fashion_mnist, fashion_mnist_sample (10,000 pictures that come with genkeras), "
        "celeba, folder:PATH, tfds:NAME, or a folder of pictures under --data_dir.",
    ),
    "data_dir": Flag("path", "Folder that holds the data sets. Default: $GENKERAS_DATA_DIR."),
    "cache_dir": Flag("path", "Folder for decoded pictures. Default: ~/.cache/genkeras."),
    "crop": Flag(
        "boolean",
        "Crop the centre of the pictures before they are resized: the box of --input_height, "
        "without it 108x108 of CelebA and the largest box that fits of other pictures.",
    ),
    "crop_mode": Flag(
        "enum",
        "center; wae: the 140x140 box of the WAE paper; wae_resize: its `resizecrop`.",
        values=("center", "wae", "wae_resize"),
    ),
    "input_height": Flag("integer", "Height of the centred crop, pixels.", minimum=1),
    "input_width": Flag("integer", "Its width. Default: --input_height.", minimum=1),
    "output_height": Flag(
        "integer", "Height of the pictures learnt. Default: 28 for 28x28 sets, else 64.", minimum=1
    ),
    "output_width": Flag("integer", "Their width. Default: --output_height.", minimum=1),
    "input_fname_pattern": Flag("string", 'Which files are pictures, such as "*.jpg".'),
    "label": Flag("string", "The CelebA attribute that serves as class, such as Smiling."),
    "max_pixels": Flag(
        "integer", "Pictures with more pixels are refused. Default: 64000000.", minimum=1
    ),
    "max_bad_fraction": Flag(
        "float",
        "Share of unreadable pictures above which the data is refused. Default: 0.01.",
        minimum=0.0,
        maximum=1.0,
    ),
}
RUN = {
    "epochs": Flag(
        "integer", "Passes over the training pictures.", ("epoch", "num_epochs"), minimum=1
    ),
    "batch_size": Flag("integer", "Pictures per update.", minimum=1),
    "seed": Flag(
        "integer", "Seed of weights, noise and order. Default: 0.", minimum=0, maximum=MAX_SEED
    ),
    "save_every": Flag(
        "string",
        "When the state is stored, beside every epoch's end: 20, training steps from one time "
        "to the next; 5m, 90s or 1h, time. Default: never (apps.dcgan: 200, as its program).",
        ("ckpt_freq",),
    ),
    "strategy": Flag(
        "enum",
        "none: one device. mirrored: all GPUs of this machine. multi_worker: all workers that "
        "TF_CONFIG names, see docs/scaling.md. --batch_size is that of all devices together. "
        "Default: multi_worker where TF_CONFIG names more than one worker, mirrored where there "
        "is more than one GPU, else none.",
        values=("none", "mirrored", "multi_worker"),
    ),
    "fresh": Flag(
        "boolean",
        "Begin anew; a run that is there is moved to RUN_DIR.old-1 (-2, ...), not deleted.",
    ),
    "export": Flag(
        "boolean",
        "When the training is done, make a sampler of it in RUN_DIR/export, as apps.export does; "
        "none if the newest one there is of the same state.",
    ),
    "run_dir": Flag("path", "Run directory. Default: made from the flags; see README."),
    "checkpoint_dir": Flag(
        "path", "Where run directories are made. Default: checkpoints.", default="checkpoints"
    ),
}
MODEL = {
    "precision": Flag(
        "enum",
        "What the layers compute in; weights, losses and penalties stay float32. The mixed ones "
        "are for devices with 16-bit arithmetic. Default: float32.",
        values=("float32", "mixed_float16", "mixed_bfloat16"),
    ),
    "sync_batch_norm": Flag(
        "boolean",
        "With several devices: batch norm over the whole batch, as one device has it, instead of "
        "over each device's share.",
    ),
    "latent_dim": Flag(
        "integer", "Length of the latent vector.", ("dim_z", "z_dim", "zdim"), minimum=1
    ),
    "width": Flag("integer", "Scales every hidden layer; 64 is the published network.", minimum=1),
    "learning_rate": Flag(
        "float",
        "The optimizer's rate (GANs: the generator's).",
        ("learn_rate", "lr"),
        minimum=SMALLEST,
    ),
}
ADAM = {
    "beta_1": Flag(
        "float", "Adam's first-moment decay.", ("beta1",), minimum=0.0, maximum=BELOW_ONE
    ),
}
GAN = {
    "discriminator_learning_rate": Flag(
        "float", "The rate of the discriminator's optimizer.", minimum=SMALLEST
    ),
    "discriminator_steps": Flag(
        "integer",
        "Discriminator updates per training step, each on fresh pictures.",
        ("n_critic",),
        minimum=1,
    ),
    "generator_steps": Flag("integer", "Generator updates per training step.", minimum=1),
    "ema_decay": Flag(
        "float",
        "Decay of a moving average of the generator, which then draws the samples, such as "
        "0.999. Default: none.",
        minimum=0.0,
        maximum=BELOW_ONE,
    ),
}

# What is scored, and how; shared by `apps.evaluate`, `apps.compare` and training.
SCORES = {
    "metrics": Flag(
        "list",
        "Of score, frechet, kernel, precision_recall, density_coverage, sharpness, memorization, "
        "reconstruction, likelihood, codes. Default: all that apply.",
    ),
    "num_images": Flag(
        "integer",
        "Samples that are scored, against at most so many test pictures. Default: 10000.",
        minimum=2,
        maximum=1_000_000,
    ),
    "features": Flag(
        "string",
        "classifier (MNIST and Fashion-MNIST come with genkeras, the default there), FILE.npz of "
        "apps.train_classifier, inception_2015 (default for other sets), keras_inception, or none "
        "for the scores that need no features.",
    ),
    "inception_graph": Flag(
        "path", "classify_image_graph_def.pb for inception_2015. Default: downloaded once."
    ),
}
# What `--keep_best` may name: the metric that computes it, and whether higher is better.
KEPT_SCORES = {
    "score": ("score", True),
    "frechet": ("frechet", False),
    "kernel": ("kernel", False),
    "precision": ("precision_recall", True),
    "recall": ("precision_recall", True),
    "density": ("density_coverage", True),
    "coverage": ("density_coverage", True),
}
# What is done during training with the scores that `SCORES` describes.
SCORING = {
    "eval_every": Flag(
        "integer",
        "Epochs after which samples are scored, the last one always, for history.csv and "
        "scores.png in the run directory; --metrics: score,frechet unless given. Default: never.",
        minimum=0,
    ),
    "keep_best": Flag(
        "enum",
        "With --eval_every: the state in which this score is best stays as best.npz.",
        values=tuple(KEPT_SCORES),
    ),
    "tensorboard": Flag(
        "boolean",
        "Write losses and scores of every epoch to RUN_DIR/tensorboard too. To look at them: "
        "pip install tensorboard, tensorboard --logdir=RUN_DIR.",
    ),
}
BEST = Flag("boolean", "Take the best state, which --keep_best kept, and not the newest.")

# Flags of tensorflow-generative-model-collections that have no meaning any more: kind, and
# what does their work.
COLLECTION = {
    "gan_type": (
        "string",
        "every model is a program of its own: apps.gan, apps.wgan, apps.vae ...",
    ),
    "result_dir": ("string", "sheets are in the folder samples of the run directory (--run_dir)."),
    "log_dir": ("string", "losses are in history.csv of the run directory (--run_dir)."),
}


def replaced(table):
    """Returns the definitions of flags that are accepted for the sake of old command lines.

    Args:
        table: Dict of a flag's name to its kind and what replaced it, such as `COLLECTION`.
    """
    return {name: Flag(kind, f"Ignored: {text}") for name, (kind, text) in table.items()}


def tell_replaced(values, table):
    """Prints one line for each flag of `table` that was given."""
    for name in given(values, table):
        print(f"--{name} does nothing: {table[name][1]}")


def check_text(word, where):
    """Refuses what is not UTF-8, which no JSON file of a run could hold.

    Args:
        word: String from the operating system.
        where: String. What it belongs to, for the message.

    Raises:
        UsageError: If it holds other bytes.
    """
    try:
        word.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UsageError(
            f"{where} holds {word!a}, which is not UTF-8: rename that file or folder."
        ) from error


def expanded(path, where):
    """Returns a path without `~`.

    Args:
        path: String.
        where: String. What it is the value of, for the message.

    Raises:
        UsageError: If it is in the home of a user who is not there.
    """
    try:
        return pathlib.Path(path).expanduser()
    except RuntimeError as error:
        raise UsageError(f"{where}={path}: there is no such user.") from error


def given(values, group):
    """Returns the flags of a group that have a value."""
    return {name: values[name] for name in group if values[name] is not None}


def require(values, *names):
    """Checks that flags without a default were given.

    Raises:
        UsageError: Naming the first one that was not.
    """
    for name in names:
        if values[name] is None:
            raise UsageError(f"--{name} is needed.")
