# SPDX-License-Identifier: Apache-2.0
"""The released networks of R3GAN, by their sizes and what they compute."""

import numpy as np
import pytest
import tensorflow as tf

from glf_tf import catalogue, errors
from glf_tf.layers import grouped_residual
from glf_tf.networks import r3gan
from tests import descriptors


def small(**options):
    return r3gan.R3GAN(**{"widths": (8, 4), "group_size": 4} | options)


def weights_of(widths, *, latent_dim):
    """The number of weights of a released generator of two blocks a stage."""
    count = latent_dim * widths[0] + 16 * widths[0] + 3 * widths[-1]
    for before, after in zip((widths[0], *widths), widths, strict=False):
        inner = 2 * after
        block = 2 * after * inner + 9 * 16 * inner + 2 * inner
        count += 2 * block + (before * after if before != after else 0)
    return count


@pytest.mark.parametrize(
    ("widths", "side"), [((48,) * 4, 32), ((48, 48, 48, 48, 24), 64)]
)
def test_networks_have_the_shape_of_the_released_ones(widths, side):
    """A sixteenth as wide as those of CIFAR-10, and of FFHQ at 64 pixels."""
    network = r3gan.R3GAN(widths=widths, blocks=2)
    decoder = network.decoder(64, (side, side, 3))
    assert decoder.count_params() == weights_of(widths, latent_dim=64)
    assert decoder.get_layer("basis").output.shape == (None, 4, 4, 48)
    encoder = network.encoder((side, side, 3), 1)
    # The mirror image has as many weights, but one number and its bias for the noise.
    assert encoder.count_params() == weights_of(widths, latent_dim=1) + 1


@pytest.mark.parametrize(
    ("widths", "side"), [((8, 4), 8), ((8, 4, 4), 28), ((8, 4), 6), ((8,), 5)]
)
def test_any_side_is_taken_that_can_be_halved(widths, side):
    network = r3gan.R3GAN(widths=widths, group_size=4)
    z = tf.random.stateless_normal([2, 5], seed=[0, 0])
    logits = network.decoder(5, (side, side, 1))(z)
    assert logits.shape == (2, side, side, 1)
    assert network.encoder((side, side, 1), 3)(logits).shape == (2, 3)


def test_the_decoder_starts_from_maps_times_numbers():
    decoder = small().decoder(5, (4, 4, 1))
    z = tf.random.stateless_normal([3, 5], seed=[0, 0])
    numbers = np.array(z) @ np.array(decoder.get_layer("dense_first").kernel)
    maps = np.array(decoder.get_layer("basis").basis)
    assert maps.shape == (2, 2, 8)
    found = decoder.get_layer("basis")(decoder.get_layer("dense_first")(z))
    np.testing.assert_allclose(found, maps * numbers[:, None, None], rtol=1e-5)


def test_the_encoder_ends_in_products_with_maps():
    basis = small().encoder((4, 4, 1), 2).get_layer("basis")
    x = np.random.default_rng(0).normal(size=(3, 2, 2, 8)).astype(np.float32)
    expected = np.einsum("abc,nabc->nc", np.array(basis.basis), x)
    np.testing.assert_allclose(basis(x), expected, atol=1e-5)


def test_pixels_are_read_and_made_between_minus_one_and_one():
    encoder = small().encoder((4, 4, 1), 2)
    grey = np.full((1, 4, 4, 1), 0.5, np.float32)
    inner = encoder.get_layer("centred")(grey)
    np.testing.assert_array_equal(inner, np.zeros_like(grey))
    decoder = small().decoder(5, (4, 4, 1))
    hidden = tf.random.stateless_normal([3, 5], seed=[0, 0])
    for layer in decoder.layers[:-1]:
        hidden = layer(hidden)
    made = 2.0 * tf.sigmoid(decoder(tf.random.stateless_normal([3, 5], [0, 0]))) - 1.0
    np.testing.assert_allclose(made, np.tanh(hidden), atol=1e-6)


def test_variance_is_kept_at_the_start():
    """Blocks add nothing yet, and the others keep it, but at borders."""
    decoder = r3gan.R3GAN(widths=(256, 128), group_size=16).decoder(64, (32, 32, 3))
    z = tf.random.stateless_normal([64, 64], seed=[0, 0])
    assert np.std(decoder.get_layer("dense_first")(z)) == pytest.approx(1.0, rel=0.1)
    # Neighbours of independent maps are averaged: (9 + 1) / 16 of it an axis.
    expected = 2.0 * 10.0 / 16.0
    assert np.std(decoder(z)) == pytest.approx(expected, rel=0.15)


def test_blocks_know_how_many_there_are():
    encoder = small(blocks=3).encoder((4, 4, 1), 2)
    blocks = [
        layer
        for layer in encoder.layers
        if isinstance(layer, grouped_residual.GroupedResidual)
    ]
    assert [block.depth for block in blocks] == [6] * 6


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"widths": ()}, "widths"),
        ({"widths": (8, 0)}, "widths"),
        ({"blocks": 0}, "blocks"),
        ({"group_size": 3}, "divisible"),
    ],
)
def test_bad_options_are_refused(options, word):
    with pytest.raises(errors.InvalidValue, match=word) as said:
        small(**options)
    assert "\n" not in str(said.value)


def test_odd_images_are_refused():
    for make in (small().encoder, lambda shape, dim: small().decoder(dim, shape)):
        with pytest.raises(errors.InvalidValue, match="divisible by 2"):
            make((5, 4, 1), 3)


def test_spectral_norms_of_its_blocks_are_refused():
    spec = {
        **descriptors.MODELS["gan"],
        "network": {"name": "r3gan", "widths": (8, 4), "group_size": 4},
        "critic_norm": "spectral",
    }
    with pytest.raises(errors.Unsupported, match="GroupedResidual"):
        catalogue.build("model", spec, image_shape=descriptors.IMAGE_SHAPE)
