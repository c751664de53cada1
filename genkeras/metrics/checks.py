"""What a score refuses: arrays that cannot be rows of features."""

import numpy as np


def check_features(features, name, min_rows=2):
    """Returns rows of features as an array, once they are known to be usable.

    Args:
        features: Array-like of real numbers `(num_rows, num_features)`.
        name: String. What the rows are, for the message.
        min_rows: Integer.

    Returns:
        Array `(num_rows, num_features)`, in the type it came in.

    Raises:
        ValueError: If the rank is not 2, there are fewer than `min_rows` rows or no columns,
            or a value is NaN or infinite.
    """
    features = np.asarray(features)
    if features.ndim != 2 or features.shape[1] == 0:
        raise ValueError(
            f"{name} should have the shape (num_rows, num_features), got {features.shape}. "
            "Flatten what belongs to one picture: array.reshape(len(array), -1)."
        )
    if features.dtype.kind not in "buif":
        raise ValueError(f"{name} should hold real numbers, got the type {features.dtype}.")
    if len(features) < min_rows:
        raise ValueError(
            f"{name} should have at least {min_rows} rows, got {len(features)}. "
            "Score more pictures."
        )
    unusable = np.flatnonzero(~np.isfinite(features).all(axis=1))
    if len(unusable):
        raise ValueError(
            f"{name} should be finite, got NaN or infinity in {len(unusable)} of "
            f"{len(features)} rows, first in row {unusable[0]}. Look at the pictures or weights "
            "that gave them: a model that diverged has no score."
        )
    return features


def check_feature_pair(real_features, fake_features, min_real=2, min_fake=2):
    """Returns two sets of rows, checked, of the same number of features.

    Args:
        real_features, fake_features: Array-likes `(num_rows, num_features)`.
        min_real, min_fake: Integers. The least numbers of rows.

    Raises:
        ValueError: As for `check_features`, or if their numbers of features differ.
    """
    real_features = check_features(real_features, "real_features", min_real)
    fake_features = check_features(fake_features, "fake_features", min_fake)
    if real_features.shape[1] != fake_features.shape[1]:
        raise ValueError(
            "real_features and fake_features should have the same number of columns, got "
            f"{real_features.shape} and {fake_features.shape}. Take both from one extractor."
        )
    return real_features, fake_features


def check_uint8_pairs(originals, reproductions, min_size=1):
    """Returns two sets of uint8 pictures, checked, of the same shape.

    Args:
        originals, reproductions: Array-likes `(num_images, height, width, channels)`.
        min_size: Integer. The least height and width.

    Raises:
        ValueError: If they are no uint8 pictures, their shapes differ or they are too small.
    """
    pictures = np.asarray(originals), np.asarray(reproductions)
    for name, array in zip(("originals", "reproductions"), pictures, strict=True):
        if array.dtype != np.uint8 or array.ndim != 4 or 0 in array.shape[1:]:
            raise ValueError(
                f"{name} should be uint8 of the shape (num_images, height, width, channels), got "
                f"{array.dtype} of {array.shape}. Round pictures to 0 to 255 before scoring."
            )
    if pictures[0].shape != pictures[1].shape:
        raise ValueError(
            "originals and reproductions should have the same shape, got "
            f"{pictures[0].shape} and {pictures[1].shape}."
        )
    height, width = pictures[0].shape[1:3]
    if min(height, width) < min_size:
        raise ValueError(
            f"Pictures should have at least {min_size}×{min_size} pixels, got {height}×{width}. "
            "Use mean_squared_errors or peak_signal_to_noise_ratios for smaller ones."
        )
    return pictures
