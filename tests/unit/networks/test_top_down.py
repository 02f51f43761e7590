# SPDX-License-Identifier: Apache-2.0
"""The released generators, by their counts of weights, and their tanh."""

import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors
from glf_tf.networks import top_down

RELEASED = {
    "svhn": ((512, 256, 128), 2, 100, (32, 32, 3), 3_447_683),
    "cifar10": ((1024, 512, 256), 1, 128, (32, 32, 3), 18_883_075),
    "celeb_a": ((1024, 512, 256, 128), 2, 100, (64, 64, 3), 12_656_515),
}


@pytest.mark.parametrize("name", sorted(RELEASED))
def test_generator_has_the_released_number_of_weights(name):
    widths, last_stride, latent_dim, shape, expected = RELEASED[name]
    network = top_down.TopDown(widths=widths, last_stride=last_stride)
    decoder = network.decoder(latent_dim, shape)
    assert decoder.count_params() == expected
    assert decoder.output_shape == (None, *shape)


def test_logits_are_twice_what_the_released_tanh_takes():
    decoder = top_down.TopDown(widths=(8, 6)).decoder(5, (12, 8, 1))
    z = tf.random.stateless_normal([3, 5], seed=[0, 0])
    hidden = z
    for layer in decoder.layers[:-1]:
        hidden = layer(hidden)
    np.testing.assert_allclose(
        2.0 * tf.sigmoid(decoder(z)) - 1.0, np.tanh(hidden), atol=1e-6
    )
    assert decoder.layers[1].output.shape == (None, 3, 2, 8)


def test_weights_start_from_glorots_normal_distribution():
    decoder = top_down.TopDown(widths=(64, 32)).decoder(50, (32, 32, 3))
    for layer, area, maps in (("deconv_0", 64, 114), ("deconv_1", 16, 96)):
        kernel = np.asarray(decoder.get_layer(layer).kernel)
        np.testing.assert_allclose(
            kernel.std(), np.sqrt(2.0 / (area * maps)), rtol=0.02
        )


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"widths": ()}, "widths"),
        ({"widths": (4, 0)}, "widths"),
        ({"last_stride": 3}, "last_stride"),
    ],
)
def test_bad_options_are_refused(options, word):
    with pytest.raises(errors.InvalidValue, match=word):
        top_down.TopDown(**options)


def test_sizes_that_do_not_halve_are_refused():
    with pytest.raises(errors.InvalidValue, match="divisible by 8"):
        top_down.TopDown().decoder(5, (28, 28, 1))
