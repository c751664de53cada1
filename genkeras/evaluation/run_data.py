"""The data that a run was trained with."""

from genkeras.data import registry as datasets
from genkeras.data.dataset import DataOptions
from genkeras.training.errors import RunError


def load_run_data(config, **locations):
    """Reads the data set of a run again.

    Args:
        config: `Config` of the run.
        **locations: `data_dir` and `cache_dir`, where they are no longer those of the run.

    Returns:
        `ImageDataset` with the same pixels and labels.

    Raises:
        RunError: If the files hold other pictures or labels now.
        genkeras.data.dataset.DataError: If the data is missing or broken.
    """
    given = {name: value for name, value in locations.items() if value is not None}
    dataset = datasets.load(config.dataset, DataOptions(**config.data | given))
    if dataset.facts["fingerprint"] != config.data_facts["fingerprint"]:
        raise RunError(
            f"The pictures or labels of {config.dataset} are not those that the run was trained "
            "with. Name the folder of the old data with --data_dir."
        )
    return dataset
