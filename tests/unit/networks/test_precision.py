# SPDX-License-Identifier: Apache-2.0
"""Networks compute in the precision asked for, and answer in float32."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf_tf import catalogue, errors
from tests import descriptors

SHAPES = {name: item.image_shapes[-1] for name, item in descriptors.NETWORKS.items()}


def made(name, precision):
    keras.utils.set_random_seed(0)
    spec = {**descriptors.NETWORKS[name].spec, "precision": precision}
    network = catalogue.build("network", spec)
    return network.encoder(SHAPES[name], 5), network.decoder(5, SHAPES[name])


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", SHAPES)
def test_layers_before_the_last_compute_in_it(name, precision):
    exact, rounded = made(name, "float32"), made(name, precision)
    image = np.random.default_rng(0).random((3, *SHAPES[name]), np.float32)
    z = np.random.default_rng(1).normal(size=(3, 5)).astype(np.float32)
    for reference, network, inputs in zip(exact, rounded, (image, z), strict=True):
        assert {item.dtype for item in network.variables} == {"float32"}
        with_weights = [item for item in network.layers if item.weights]
        assert {item.compute_dtype for item in with_weights[:-1]} == {precision}
        assert with_weights[-1].compute_dtype == "float32"
        outputs, expected = network(inputs), reference(inputs)
        assert outputs.dtype == tf.float32
        assert np.any(outputs != expected)  # or nothing was rounded
        np.testing.assert_allclose(outputs, expected, atol=0.02 * np.ptp(expected))


def test_unknown_precisions_are_refused():
    with pytest.raises(errors.InvalidValue, match="float8"):
        made("mlp", "float8")
