"""Trains the variational autoencoder (Kingma & Welling, 2014), or its denoising form.

python -m apps.vae --dim_z=20
python -m apps.vae --dim_z=2 --PMLR
python -m apps.vae --add_noise
"""

import pathlib
import sys

from apps import flags, outputs, runner

FLAGS = {
    **flags.ADAM,
    "network": flags.Flag(
        "enum",
        "mlp: the network of tensorflow-mnist-VAE (the default); infogan: the convolutional "
        "network that the models of the comparison share, better for colour or large pictures.",
        values=("mlp", "infogan"),
    ),
    "n_hidden": flags.Flag("integer", "Hidden units of the mlp. Default: 500.", minimum=1),
    "dropout_rate": flags.Flag(
        "float", "Share of hidden units of the mlp dropped in training.", minimum=0.0, maximum=0.99
    ),
    "likelihood": flags.Flag(
        "enum",
        "bernoulli (the default), or gaussian with the variance that is best for each batch.",
        values=("bernoulli", "gaussian"),
    ),
    "add_noise": flags.Flag(
        "boolean",
        "Denoising: the encoder sees x * Bern(1/2) + Bern(1/2), clipped to [0, 1] (the mlp as "
        "numbers from -1 to 1), and the model learns to restore x.",
    ),
}
# The program's names; PRR: plot reproduce results, PMLR: plot manifold learning results.
DRAWING = {
    "results_path": flags.Flag(
        "path",
        "Folder for the PRR and PMLR sheets instead of <run_dir>/samples. Files of the same "
        "name are replaced; nothing is deleted.",
    ),
    "PRR": flags.Flag(
        "boolean",
        "Sheets of test pictures and of their reproductions, every epoch. Default: true.",
        default=True,
    ),
    "PRR_n_img_x": flags.Flag(
        "integer", "Pictures in a row. Default: 10.", default=10, minimum=1, maximum=200
    ),
    "PRR_n_img_y": flags.Flag("integer", "Rows. Default: 10.", default=10, minimum=1, maximum=200),
    "PRR_resize_factor": flags.Flag(
        "float", "Size of these sheets. Default: 1.", default=1.0, minimum=0.05, maximum=100.0
    ),
    "PMLR": flags.Flag(
        "boolean",
        "With --dim_z=2: a sheet of the decoded latent plane and a map of the test pictures' "
        "codes, every epoch.",
        default=False,
    ),
    "PMLR_n_img_x": flags.Flag(
        "integer", "Pictures in a row. Default: 20.", default=20, minimum=1, maximum=200
    ),
    "PMLR_n_img_y": flags.Flag("integer", "Rows. Default: 20.", default=20, minimum=1, maximum=200),
    "PMLR_resize_factor": flags.Flag(
        "float", "Size of the sheet. Default: 1.", default=1.0, minimum=0.05, maximum=100.0
    ),
    "PMLR_z_range": flags.Flag(
        "float", "The plane is drawn from -r to r. Default: 2.", default=2.0, minimum=1e-6
    ),
    "PMLR_n_samples": flags.Flag(
        "integer", "Test pictures on the map. Default: 5000.", default=5000, minimum=1
    ),
}


def main(argv=None):
    return runner.train(
        "vae",
        argv,
        __doc__,
        default_dataset="mnist",
        extra_flags=FLAGS,
        drawing_flags=DRAWING,
        extra_sheets=_sheets,
    )


def _sheets(values, prepared):
    options, (height, width, channels) = prepared.config.options, prepared.config.image_shape
    if values["PMLR"] and options["latent_dim"] != 2:
        raise flags.UsageError(
            f"--PMLR draws a plane, but the model has {options['latent_dim']} latent dimensions: "
            "add --dim_z=2, or leave --PMLR out."
        )
    if options["network"] != "mlp" and (given := flags.given(values, ["n_hidden", "dropout_rate"])):
        raise flags.UsageError(f"--{next(iter(given))} is an option of --network=mlp.")
    directory = pathlib.Path(values["results_path"] or prepared.run_dir / "samples").expanduser()
    if directory.exists() and not directory.is_dir():
        raise flags.UsageError(f"--results_path={directory} is a file; name a folder.")
    if values["results_path"]:
        # Now, and not after the first epoch, is the time to learn that it cannot be written.
        directory.mkdir(parents=True, exist_ok=True)
        outputs.require_place(values, "results_path")
    unsuited = options["network"] == "mlp" and (channels > 1 or max(height, width) > 32)
    if unsuited and values["network"] is None:
        print(
            f"The mlp is made for small grey pictures, and these are {height}x{width} with "
            f"{channels} channel(s): --network=infogan may do better."
        )
    from genkeras.training.sheets.manifold import ManifoldSheets
    from genkeras.training.sheets.reproductions import ReproductionSheets

    dataset, sheets = prepared.dataset, []
    if values["PRR"]:
        sheets.append(
            ReproductionSheets(
                directory,
                dataset.test.images,
                rows=values["PRR_n_img_y"],
                columns=values["PRR_n_img_x"],
                resize_factor=values["PRR_resize_factor"],
            )
        )
    if values["PMLR"]:
        sheets.append(
            ManifoldSheets(
                directory,
                dataset.test,
                dataset.class_names,
                rows=values["PMLR_n_img_y"],
                columns=values["PMLR_n_img_x"],
                z_range=values["PMLR_z_range"],
                resize_factor=values["PMLR_resize_factor"],
                num_codes=values["PMLR_n_samples"],
            )
        )
    return sheets


if __name__ == "__main__":
    sys.exit(main())
