"""Trains tiny models on one device and on two replicas, and prints how they compare, as JSON.

A program of its own: the two logical processors must be made before TensorFlow starts. Where
`TF_CONFIG` names two workers, this is one of them, and the other replica is the other's.
"""

import contextlib
import json
import math
import os
import sys
import types

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from genkeras.models import noise, wgan
from genkeras.models.cgan import CGAN
from genkeras.models.gan import NonSaturatingGAN
from genkeras.models.latent_prior import LatentPrior
from genkeras.models.optimization import gradient_step
from genkeras.models.vae import VAE
from genkeras.models.wae_gan import WAEGAN
from genkeras.models.wgan import WGAN
from genkeras.models.wgan_gp import WGANGP
from genkeras.networks import mlp
from genkeras.training import devices, distribution, loop, state
from genkeras.training.callbacks.epoch_record import EpochRecord
from genkeras.training.config import Config
from genkeras.training.history import History

SHAPE, CLASSES, BATCH = (4, 4, 1), 3, 8
random = np.random.default_rng(0)
SPLIT = types.SimpleNamespace(
    images=random.integers(0, 256, (64, *SHAPE), np.uint8), labels=random.integers(0, CLASSES, 64)
)
# Shorter than the authors', so that there are both kinds of steps.
wgan.WARMUP_CRITIC_UPDATES, wgan.WARMUP_GENERATOR_UPDATES = 4, 2


def network(inputs, outputs, seed, normalized=False):
    x = inputs = keras.Input(inputs)
    kernel = keras.initializers.GlorotUniform(seed)
    x = layers.Dense(6, kernel_initializer=kernel, activation="tanh")(layers.Flatten()(x))
    if normalized:
        x = layers.BatchNormalization(momentum=0.9)(x)
    x = layers.Dense(math.prod(outputs), kernel_initializer=keras.initializers.GlorotUniform(seed))(
        x
    )
    return keras.Model(inputs, layers.Reshape(outputs)(x))


def gan(model_class, normalized=False, **options):
    classes = options.get("num_classes", 0)
    model = model_class(
        network((5 + classes,), SHAPE, 1, normalized),
        network((*SHAPE[:2], 1 + classes), (1,), 2),
        seed=7,
        **options,
    )
    model.compile(keras.optimizers.SGD(0.05), keras.optimizers.SGD(0.05))
    return model


def clipped_wgan():
    model = gan(WGAN, discriminator_steps=2, critic_warmup=True)
    model.required_callbacks = {"weight_clipping": {"clip_value": 0.25}}
    return model


def vae(**options):
    model = VAE(mlp.encoder(SHAPE, 6, n_hidden=6), mlp.decoder(SHAPE, 3, n_hidden=6), **options)
    model.compile(keras.optimizers.SGD(0.01))
    return model


def wae_gan():
    model = WAEGAN(
        network(SHAPE, (3,), 1),
        network((3,), SHAPE, 2),
        network((3,), (1,), 3),
        prior=LatentPrior("normal", 3),
        value_range=(0.0, 1.0),
        fixed_point_weight=0.5,
        learning_rate_schedule="plateau",
        pretraining_batch_size=16,
    )
    model.compile(keras.optimizers.SGD(0.01), keras.optimizers.SGD(0.01))
    return model


# Name -> function that builds a model, the registered model whose configuration it borrows.
MODELS = {
    "gan": (lambda: gan(CGAN, num_classes=CLASSES, ema_decay=0.9), "cgan"),
    "wgan": (clipped_wgan, "wgan"),
    "wgan_gp": (lambda: gan(WGANGP, discriminator_steps=2), "wgan_gp"),
    "vae": (lambda: vae(likelihood="gaussian", add_noise=True), "vae"),
    "wae_gan": (wae_gan, "wae_gan"),
    "synchronised": (lambda: gan(NonSaturatingGAN, normalized=True), "nsgan"),
    "batch_norm": (lambda: gan(NonSaturatingGAN, normalized=True), "nsgan"),
}


def train(build, registered, replicas, sync_batch_norm=False):
    config = Config(
        registered,
        dataset="drawn",
        data={},
        image_shape=SHAPE,
        class_names=("a", "b", "c"),
        options={"batch_size": BATCH, "sync_batch_norm": sync_batch_norm},
        epochs=1,
        seed=3,
        data_facts={"fingerprint": "drawn"},
    )
    # The plain model that is pretrained.
    object.__setattr__(config, "build_model", build)
    with replicas.building(config) if replicas else contextlib.nullcontext():
        model = build()
    history = History()
    batches = loop.make_batches(model, SPLIT, config)
    callbacks = [EpochRecord(history, 0), *loop.required_callbacks(model)]
    if replicas:
        replicas.pretrain(model, config, SPLIT.images)
        replicas.fit(model, batches, history, config, callbacks)
    else:
        loop.pretrain(model, SPLIT.images, config.seed)
        loop.fit(model, batches, history, 1, callbacks)
    return model, history.last_losses()


def compare(name, strategy, replicas):
    build, registered = MODELS[name]
    plain, plain_losses = train(build, registered, None)
    start = state.collect(build())
    shared, losses = train(build, registered, replicas, name == "synchronised")
    expected, found = state.collect(plain), state.collect(shared)
    copies = [strategy.experimental_local_results(each.value) for each in shared.variables]
    result = {
        "same_names": list(expected) == list(found),
        "difference": largest_difference(expected, found),
        "moved": largest_difference(
            {key: value for key, value in expected.items() if key.endswith("kernel")}, start
        ),
        "losses": losses,
        "plain_losses": plain_losses,
        # Of this process.
        "num_copies": min(len(copy) for copy in copies),
        "replicas_equal": all(
            (a.numpy() == copy[0].numpy()).all() for copy in copies for a in copy
        ),
        "sha256": state.digest(found),
    }
    if name == "wgan":
        result["largest_weight"] = max(
            float(np.abs(copy.numpy()).max())
            for each in shared.discriminator.trainable_variables
            for copy in strategy.experimental_local_results(each.value)
        )
        result["generator_turns"] = int(shared.generator_turns.numpy())
    return result


def largest_difference(first, second):
    return max(float(np.abs(first[key] - second[key].astype(float)).max()) for key in first)


def draws(strategy):
    """What two replicas draw, and what one device draws for all rows."""
    seed = noise.fold(5, 0)
    kinds = {
        **noise.PRIORS,
        "sphere": lambda shape, seed: LatentPrior("sphere", 2).draw(shape[0], seed),
    }
    result = {}
    for name, draw in kinds.items():
        parts = strategy.run(tf.function(lambda draw=draw: draw((3, 2), seed)))
        parts = [part.numpy().tolist() for part in strategy.experimental_local_results(parts)]
        result[name] = {"replicas": parts, "one": draw((6, 2), seed).numpy().tolist()}
    return result


def scaled_update(strategy, factors):
    """What is left of a weight of 1 and a loss scale of 4 when replicas have these gradients."""
    with strategy.scope():
        weight = keras.Variable(1.0)
        optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(1.0), initial_scale=4)
        optimizer.build([weight])
    factors = tf.constant(factors)

    @tf.function(autograph=False)
    def step():
        own = factors[tf.distribute.get_replica_context().replica_id_in_sync_group]
        gradient_step(optimizer, [weight], lambda: weight.value * own)

    strategy.run(step)
    left = [each.numpy() for each in strategy.experimental_local_results(weight.value)]
    return {
        "weights": [float(each) for each in left],
        "scale": float(optimizer.dynamic_scale.numpy()),
    }


def compare_workers(names):
    # What it is made of, and what `compare` reads its copies by.
    replicas = devices.create("multi_worker")
    strategy = replicas._strategy
    return {name: compare(name, strategy, replicas) for name in names}


def compare_devices(names):
    processors = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], processors
    )
    pair = [device.name for device in tf.config.list_logical_devices("CPU")]
    strategy = tf.distribute.MirroredStrategy(pair)
    results = {"draws": draws(strategy)}
    results["finite"] = scaled_update(strategy, [0.25, 0.5])
    results["not_finite"] = scaled_update(strategy, [0.25, float("inf")])
    for name in names:
        keras.backend.clear_session()
        results[name] = compare(name, strategy, distribution.Distribution(strategy))
    return results


if __name__ == "__main__":
    compare_replicas = compare_workers if "TF_CONFIG" in os.environ else compare_devices
    print(json.dumps(compare_replicas(sys.argv[1:] or MODELS)))
