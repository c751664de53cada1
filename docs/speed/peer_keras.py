"""The improved GAN in plain Keras, as tutorials write it: what `compare.py` times genkeras beside.

Prints one line of JSON.
"""

import argparse
import json
import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import keras
import numpy as np
import tensorflow as tf
from keras import layers

LATENT_DIM = 62
ROUNDS = 5


def batch_norm():
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)


def make_generator(width):
    return keras.Sequential(
        [
            keras.Input((LATENT_DIM,)),
            layers.Dense(16 * width, use_bias=False),
            batch_norm(),
            layers.ReLU(),
            layers.Dense(98 * width, use_bias=False),
            batch_norm(),
            layers.ReLU(),
            layers.Reshape((7, 7, 2 * width)),
            layers.Conv2DTranspose(width, 4, 2, padding="same", use_bias=False),
            batch_norm(),
            layers.ReLU(),
            layers.Conv2DTranspose(1, 4, 2, padding="same", activation="tanh"),
        ]
    )


def make_discriminator(width):
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(width, 4, 2, padding="same"),
            layers.LeakyReLU(0.2),
            layers.Conv2D(2 * width, 4, 2, padding="same", use_bias=False),
            batch_norm(),
            layers.LeakyReLU(0.2),
            layers.Flatten(),
            layers.Dense(16 * width, use_bias=False),
            batch_norm(),
            layers.LeakyReLU(0.2),
            layers.Dense(1),
        ]
    )


class GAN(keras.Model):
    def __init__(self, width, batch_size):
        super().__init__()
        self.generator, self.discriminator = make_generator(width), make_discriminator(width)
        self.batch_size = batch_size
        self.cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)

    def compile(self, discriminator_optimizer, generator_optimizer):
        super().compile()
        self.discriminator_optimizer = discriminator_optimizer
        self.generator_optimizer = generator_optimizer

    def fakes(self):
        latents = tf.random.uniform((self.batch_size, LATENT_DIM), -1, 1)
        return self.generator(latents, training=True)

    def train_step(self, real):
        ones, zeros = tf.ones((self.batch_size, 1)), tf.zeros((self.batch_size, 1))
        fake = self.fakes()
        with tf.GradientTape() as tape:
            real_loss = self.cross_entropy(ones, self.discriminator(real, training=True))
            fake_loss = self.cross_entropy(zeros, self.discriminator(fake, training=True))
            discriminator_loss = real_loss + fake_loss
        weights = self.discriminator.trainable_weights
        gradients = tape.gradient(discriminator_loss, weights)
        self.discriminator_optimizer.apply_gradients(zip(gradients, weights, strict=True))
        with tf.GradientTape() as tape:
            fake_output = self.discriminator(self.fakes(), training=True)
            generator_loss = self.cross_entropy(ones, fake_output)
        weights = self.generator.trainable_weights
        gradients = tape.gradient(generator_loss, weights)
        self.generator_optimizer.apply_gradients(zip(gradients, weights, strict=True))
        return {"discriminator_loss": discriminator_loss, "generator_loss": generator_loss}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=40)
    args = parser.parse_args()
    images = np.random.rand(args.batch_size * args.steps, 28, 28, 1).astype("float32")
    data = tf.data.Dataset.from_tensor_slices(images).shuffle(1024)
    data = data.batch(args.batch_size, drop_remainder=True).prefetch(2)
    model = GAN(args.width, args.batch_size)
    model.compile(keras.optimizers.Adam(2e-4, beta_1=0.5), keras.optimizers.Adam(1e-3, beta_1=0.5))
    model.fit(data, epochs=1, verbose=0)
    rates = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        model.fit(data, epochs=1, verbose=0)
        rates.append(len(images) / (time.perf_counter() - start))
    numbers = {"images_per_second": statistics.median(rates), "images_per_second_best": max(rates)}
    print(json.dumps({"version": keras.__version__} | numbers))


if __name__ == "__main__":
    main()
