# SPDX-License-Identifier: Apache-2.0
"""Laws of every network family."""

import numpy as np
import pytest

from glf_tf import catalogue
from tests import descriptors

CASES = [
    (name, shape)
    for name, network in descriptors.NETWORKS.items()
    for shape in network.image_shapes
]


def test_every_family_has_a_descriptor():
    assert set(descriptors.NETWORKS) == set(catalogue.names("network"))


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_shapes_fit_together(name, shape):
    network = catalogue.build("network", descriptors.NETWORKS[name].spec)
    encoder, decoder = network.encoder(shape, 5), network.decoder(5, shape)
    image = np.random.default_rng(0).random((3, *shape), np.float32)
    z = encoder(image)
    assert z.shape == (3, 5)
    assert decoder(z).shape == (3, *shape)


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_images_of_a_batch_do_not_mix_at_inference(name, shape):
    network = catalogue.build("network", descriptors.NETWORKS[name].spec)
    encoder = network.encoder(shape, 5)
    image = np.random.default_rng(0).random((3, *shape), np.float32)
    np.testing.assert_allclose(encoder(image[:1]), encoder(image)[:1], atol=1e-6)


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_variable_paths_begin_with_the_model_name(name, shape):
    network = catalogue.build("network", descriptors.NETWORKS[name].spec)
    for model in (network.encoder(shape, 5), network.decoder(5, shape)):
        paths = [variable.path for variable in model.variables]
        assert len(set(paths)) == len(paths)
        assert all(path.startswith(f"{model.name}/") for path in paths)
