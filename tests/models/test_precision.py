import keras
import numpy as np
import pytest
import tensorflow as tf

from genkeras import registry
from genkeras.models.optimization import Adam, gradient_step
from genkeras.models.precision import loss_scaled, policy

SMALL = {"vae": {"n_hidden": 8}, "wae_mmd": {"exp": "mnist_small"}, "wae_gan": {"exp": "mnist"}}


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("name", list(registry.MODELS))
def test_training_is_finite_and_moves_float32_weights(name, precision, draw_images):
    options = SMALL.get(name, {}) | ({} if name == "vae" else {"width": 4})
    model = registry.build(name, (28, 28, 1), 10, 0, precision=precision, **options)
    assert keras.config.dtype_policy().name == "float32"
    computed = {layer.compute_dtype for network in model.layers for layer in _layers(network)}
    assert precision.removeprefix("mixed_") in computed
    count = 8 * getattr(model, "discriminator_steps", 1)
    images = tf.constant(draw_images(count) / 255.0, tf.float32)
    labels = tf.range(count) % 10
    data = (images, labels) if getattr(model, "num_classes", None) else images
    step = tf.function(lambda: model.train_step(data))
    before = [variable.numpy() for variable in model.trainable_variables]
    # Enough for a loss scale of 2**15 to come down to what the sums of a VAE bear.
    for _ in range(12):
        losses = step()
    assert np.isfinite([float(loss) for loss in losses.values()]).all()
    moved = [
        np.abs(variable.numpy() - old).max()
        for variable, old in zip(model.trainable_variables, before, strict=True)
    ]
    assert np.isfinite(moved).all()
    assert sum(change > 0 for change in moved) > len(moved) / 2
    assert {variable.dtype for variable in model.trainable_variables} == {"float32"}
    samples = model.sample(2, seed=0)
    assert samples.dtype == np.float32
    assert np.isfinite(samples).all()
    for network in filter(_is_network, model.layers):
        assert {output.dtype for output in network.outputs} == {"float32"}


def _is_network(layer):
    return isinstance(layer, keras.Model)


def _layers(network):
    return getattr(network, "layers", [network])


@pytest.mark.parametrize(("dtype", "type_"), [("float32", Adam), ("mixed_bfloat16", Adam)])
def test_only_float16_scales_the_loss(dtype, type_):
    with policy(dtype):
        assert type(loss_scaled(Adam())) is type_
    with policy("mixed_float16"):
        assert isinstance(loss_scaled(Adam()), keras.optimizers.LossScaleOptimizer)


def test_the_scale_saves_small_gradients():
    # Backwards, 1e-4 · 1e-4 is 0 in float16.
    moved = []
    for scaled in (False, True):
        variable = keras.Variable(np.float32(1.0))
        with policy("mixed_float16" if scaled else "float32"):
            optimizer = loss_scaled(keras.optimizers.SGD(1e7))
        optimizer.build([variable])

        def loss(variable=variable):
            small = tf.cast(variable.value, tf.float16) * tf.constant(1e-4, tf.float16)
            return tf.cast(small * tf.constant(1e-4, tf.float16), tf.float32)

        gradient_step(optimizer, [variable], loss)
        moved.append(1.0 - float(variable.numpy()))
    assert moved[0] == 0.0
    # The rate times the gradient.
    assert moved[1] == pytest.approx(0.1, rel=0.01)


def test_an_unknown_precision_is_refused():
    with pytest.raises(ValueError, match="float8"):
        registry.build("gan", (28, 28, 1), precision="float8")
    assert keras.config.dtype_policy().name == "float32"
