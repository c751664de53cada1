"""Measures of reproduction, pixel by pixel and window by window in float64."""

import math


def mean_squared_error(original, reproduction):
    pairs = list(zip(original.ravel().tolist(), reproduction.ravel().tolist(), strict=True))
    return sum(((a - b) / 255.0) ** 2 for a, b in pairs) / len(pairs)


def peak_signal_to_noise_ratio(original, reproduction):
    """20 log₁₀ of the peak, 255, over the root of the mean squared error of bytes."""
    root = math.sqrt(mean_squared_error(original, reproduction)) * 255.0
    return 20.0 * math.log10(255.0 / root)


def structural_similarity(original, reproduction):
    """Mean of SSIM over channels and all 11×11 windows inside the picture, for bytes."""
    weights = {
        (i, j): math.exp(-((i - 5) ** 2 + (j - 5) ** 2) / (2 * 1.5**2))
        for i in range(11)
        for j in range(11)
    }
    total = sum(weights.values())
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    height, width, channels = original.shape
    values = []
    for top in range(height - 10):
        for left in range(width - 10):
            for channel in range(channels):
                window = [
                    (
                        weight / total,
                        float(original[top + i, left + j, channel]),
                        float(reproduction[top + i, left + j, channel]),
                    )
                    for (i, j), weight in weights.items()
                ]
                x_mean = sum(w * x for w, x, _ in window)
                y_mean = sum(w * y for w, _, y in window)
                x_variance = sum(w * (x - x_mean) ** 2 for w, x, _ in window)
                y_variance = sum(w * (y - y_mean) ** 2 for w, _, y in window)
                covariance = sum(w * (x - x_mean) * (y - y_mean) for w, x, y in window)
                luminance = (2 * x_mean * y_mean + c1) / (x_mean**2 + y_mean**2 + c1)
                structure = (2 * covariance + c2) / (x_variance + y_variance + c2)
                values.append(luminance * structure)
    return sum(values) / len(values)
