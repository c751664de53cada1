"""The WAE program's networks: published sizes, any image size."""

import pytest
from keras import layers

from genkeras.networks import wae


def _kinds(network):
    return [type(layer).__name__ for layer in network.layers]


def test_mnist_encoder_is_the_published_one():
    encoder = wae.conv_encoder((28, 28, 1), 8, kernel_size=4)
    convs = [layer for layer in encoder.layers if isinstance(layer, layers.Conv2D)]
    assert [conv.filters for conv in convs] == [128, 256, 512, 1024]
    assert [conv.output.shape[1] for conv in convs] == [14, 7, 4, 2]
    # Kernels, γ and β of the batch norms, the linear layer.
    kernels = 16 * (1 * 128 + 128 * 256 + 256 * 512 + 512 * 1024)
    trainable = kernels + 2 * (128 + 256 + 512 + 1024) + (2 * 2 * 1024 + 1) * 8
    assert sum(v.numpy().size for v in encoder.trainable_variables) == trainable


def test_celeba_decoder_is_the_published_one():
    decoder = wae.conv_decoder(
        (64, 64, 3), 64, num_layers=4, kernel_size=5, activation="tanh", width=4
    )
    transposed = [layer for layer in decoder.layers if isinstance(layer, layers.Conv2DTranspose)]
    assert [layer.strides for layer in transposed] == [(2, 2), (2, 2), (2, 2), (1, 1)]
    assert [layer.output.shape[1:] for layer in transposed] == [
        (16, 16, 32),
        (32, 32, 16),
        (64, 64, 8),
        (64, 64, 3),
    ]
    dense = next(layer for layer in decoder.layers if isinstance(layer, layers.Dense))
    assert dense.units == 8 * 8 * 64
    # No batch norm after the dense layer, and none after the last transposed convolution.
    assert _kinds(decoder)[1:4] == ["Dense", "ReLU", "Reshape"]
    assert _kinds(decoder).count("BatchNormalization") == 3


def test_mnist_decoder_starts_from_7_by_7():
    decoder = wae.conv_decoder(
        (28, 28, 1), 8, num_layers=3, kernel_size=4, activation="sigmoid", width=4
    )
    dense = next(layer for layer in decoder.layers if isinstance(layer, layers.Dense))
    assert dense.units == 7 * 7 * 64


@pytest.mark.parametrize("num_layers", [3, 4])
@pytest.mark.parametrize("image_shape", [(28, 28, 1), (45, 37, 3), (5, 3, 1)])
def test_any_size(image_shape, num_layers):
    encoder = wae.conv_encoder(image_shape, 6, kernel_size=5, width=1)
    decoder = wae.conv_decoder(
        image_shape, 3, num_layers=num_layers, kernel_size=5, activation="tanh", width=1
    )
    assert encoder.output_shape == (None, 6)
    assert decoder.output_shape == (None, *image_shape)


def test_mlps_normalize_before_and_after_the_relu():
    encoder, decoder = (
        wae.mlp_encoder((4, 4, 1), 2),
        wae.mlp_decoder((4, 4, 1), 2, activation="tanh"),
    )
    assert _kinds(encoder)[2:5] == ["Dense", "BatchNormalization", "ReLU"]
    assert _kinds(decoder)[1:4] == ["Dense", "ReLU", "BatchNormalization"]
    assert [layer.units for layer in encoder.layers if isinstance(layer, layers.Dense)] == [
        256,
        256,
        256,
        2,
    ]


def test_discriminator_has_four_hidden_layers_without_batch_norm():
    discriminator = wae.latent_discriminator(8, units=512, width=32)
    dense = [layer for layer in discriminator.layers if isinstance(layer, layers.Dense)]
    assert [layer.units for layer in dense] == [256, 256, 256, 256, 1]
    assert len(dense) == len(discriminator.layers) - 1


def test_noise_matrix_is_d_by_d():
    network = wae.noise_matrix(5)
    dense = [layer for layer in network.layers if isinstance(layer, layers.Dense)]
    assert [layer.units for layer in dense] == [10, 20, 30, 25]
    assert [layer.activation.__name__ for layer in dense] == ["tanh", "tanh", "tanh", "linear"]
    assert network.output_shape == (None, 5, 5)


def test_initial_weights_are_small_and_differ_between_layers():
    decoder = wae.conv_decoder((28, 28, 1), 8, num_layers=3, kernel_size=4, activation="sigmoid")
    kernels = [v.numpy() for v in decoder.trainable_variables if v.numpy().ndim > 1]
    for kernel in kernels:
        assert kernel.std() == pytest.approx(0.01, rel=0.05)
    encoder = wae.conv_encoder((28, 28, 1), 8, kernel_size=4)
    kernel = encoder.trainable_variables[3].numpy()
    # Truncated at two standard deviations.
    assert abs(kernel).max() <= 0.0201
