# SPDX-License-Identifier: Apache-2.0
"""The ladder: its released size, what its layers know of each other, and refusals."""

import keras
import numpy as np
import pytest

from glf_tf import errors
from glf_tf.networks import ladder

SHAPE = (10, 12, 1)


def make(latent_dims=(3, 2), filters=4):
    keras.utils.set_random_seed(0)
    network = ladder.Ladder(latent_dims=latent_dims, filters=filters)
    return network.decoder(sum(latent_dims), SHAPE)


def test_by_default_it_has_the_released_number_of_weights():
    sizes = (64, 64, 64, 96, 128)
    project = sum((size + 1) * 4 * 16 * 16 + 4 * 64 * 25 for size in sizes)
    block = 64 * (64 * 25 + 1) + 64 * (64 * 9 + 1)
    read = sum(64 * 25 * s + s + (12 * 12 * s + 1) * s for s in sizes[1:])
    last = 64 * 3 * 16 + 3
    expected = project + 6 * block + 2 * read + last
    assert ladder.Ladder().decoder(sum(sizes), (32, 32, 3)).count_params() == expected


def test_one_layer_is_enough():
    assert make((3,))(np.zeros((2, 3), np.float32)).shape == (2, *SHAPE)


def test_each_layer_of_latents_changes_the_image():
    decoder, z = make((3, 2, 2)), np.zeros((1, 7), np.float32)
    image = decoder(z)
    for index in range(7):
        moved = z.copy()
        moved[0, index] = 1.0
        assert np.abs(decoder(moved) - image).max() > 1e-6, index


def test_lower_latents_are_given_by_the_layers_above():
    decoder = make()
    maps = keras.Model(
        decoder.input,
        [
            decoder.get_layer("given_1_mean_dense").output,
            decoder.get_layer("project_1_dense").input,
        ],
    )
    z = np.float32([[1, 2, 3, 0, 0], [-1, 0, 1, 0, 0], [-1, 0, 1, 1, -2]])
    mean, given = (x.numpy() for x in maps(z))
    np.testing.assert_allclose(given[:2], mean[:2], rtol=1e-6)
    assert np.abs(mean[0] - mean[1]).min() > 0  # of what is above
    np.testing.assert_array_equal(mean[1], mean[2])  # and of nothing else
    scale = (given[2] - mean[2]) / z[2, 3:]
    assert (scale >= 1.0).all()
    assert (scale <= np.exp(5.0)).all()


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(errors.InvalidValue, match="--latent_dim=5"):
        ladder.Ladder(latent_dims=(3, 2)).decoder(4, SHAPE)
    for shape in ((8, 8, 1), (11, 12, 1)):
        with pytest.raises(errors.InvalidValue, match="at least 10"):
            ladder.Ladder(latent_dims=(3, 2)).decoder(5, shape)
    for options in ({"latent_dims": ()}, {"filters": 0}, {"latent_dims": (3, 0)}):
        with pytest.raises(errors.InvalidValue, match="positive"):
            ladder.Ladder(**options)
