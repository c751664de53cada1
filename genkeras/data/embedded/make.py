"""Makes the embedded sample from the original files.

```
python -m genkeras.data.embedded.make --data_dir=FOLDER_WITH_FASHION_MNIST
```
"""

import argparse
import pathlib

import numpy as np

from genkeras.data.dataset import DataError
from genkeras.data.embedded.sample import FILE, KEYS, TEST_PER_CLASS, TRAIN_PER_CLASS, select
from genkeras.data.idx import FILES, MD5, find_folder, read_folder


def make(data_dir):
    """The sample's arrays, by its rule.

    Args:
        data_dir: Folder with the four IDX files of Fashion-MNIST, or with `fashion_mnist/`.

    Returns:
        Dictionary of the four arrays as stored.

    Raises:
        DataError: If the files are missing, damaged, or not the published ones.
    """
    folder = find_folder("fashion_mnist", data_dir)
    if folder is None:
        raise DataError(f"No IDX files of fashion_mnist in {data_dir}.")
    arrays, facts = read_folder("fashion_mnist", folder)
    if facts["md5"] != dict(zip(FILES, MD5["fashion_mnist"], strict=True)):
        raise DataError(f"{folder} does not hold the published files.")
    train_images, train_labels, test_images, test_labels = arrays
    train, test = select(train_labels, TRAIN_PER_CLASS), select(test_labels, TEST_PER_CLASS)
    chosen = (
        train_images[train, ..., 0],
        train_labels[train].astype(np.uint8),
        test_images[test, ..., 0],
        test_labels[test].astype(np.uint8),
    )
    return dict(zip(KEYS, chosen, strict=True))


def main():
    parser = argparse.ArgumentParser(description="Makes the embedded Fashion-MNIST sample.")
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--output", default=pathlib.Path(__file__).with_name(FILE))
    arguments = parser.parse_args()
    np.savez_compressed(arguments.output, **make(arguments.data_dir))


if __name__ == "__main__":
    main()
