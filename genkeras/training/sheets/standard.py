"""The sheets that every model of its kind has."""

from genkeras.training.sheets.conditional import ClassSheets, StyleSheet
from genkeras.training.sheets.reconstructions import ReconstructionSheet
from genkeras.training.sheets.samples import SampleSheet


def standard_sheets(model, directory, test_images):
    """Returns the sheets that are drawn of a model without being asked for.

    Args:
        model: Model.
        directory: Path of the folder for the sheets.
        test_images: uint8 array `(num_images, height, width, channels)`.
    """
    sheets = [SampleSheet(directory)]
    if hasattr(model, "reconstruct"):
        sheets.append(ReconstructionSheet(directory, test_images))
    if getattr(model, "num_classes", None):
        sheets += [ClassSheets(directory), StyleSheet(directory)]
    return sheets
