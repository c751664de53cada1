"""Log importance weights of a VAE, factor by factor from the definitions, in float64."""

import math


def log_weights(images, mean, stddev, normals, decode, log_likelihood):
    """log p(x | z) + log p(z) − log q(z | x) as a list of rows, one row for each image.

    Args:
        images: Array `(num_images, height, width, channels)`.
        mean, stddev: Arrays `(num_images, latent_dim)`, of q(z | x).
        normals: Array `(num_samples, num_images, latent_dim)` of standard normal numbers.
        decode: Function of one latent that returns the probabilities or means of all pixels.
        log_likelihood: Function of a pixel and its probability or mean.
    """
    rows = []
    for index, image in enumerate(images):
        row = []
        for normal in normals[:, index]:
            latent, prior, posterior = [], 0.0, 0.0
            for m, s, e in zip(mean[index], stddev[index], normal, strict=True):
                z = float(m) + float(s) * float(e)
                latent.append(z)
                prior += log_normal(z, 0.0, 1.0)
                posterior += log_normal(z, float(m), float(s) ** 2)
            likelihood = 0.0
            for x, p in zip(image.ravel(), decode(latent).ravel(), strict=True):
                likelihood += log_likelihood(float(x), float(p))
            row.append(likelihood + prior - posterior)
        rows.append(row)
    return rows


def log_bernoulli(x, p):
    return x * math.log(p) + (1.0 - x) * math.log1p(-p)


def log_normal(x, mean, variance):
    return -0.5 * math.log(2.0 * math.pi * variance) - (x - mean) ** 2 / (2.0 * variance)
