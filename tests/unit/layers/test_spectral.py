# SPDX-License-Identifier: Apache-2.0
"""Spectral normalisation against NumPy's singular values."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from glf_tf import errors
from glf_tf.layers import spectral
from glf_tf.networks import infogan

LAYERS = {
    "dense": (lambda: layers.Dense(7, name="one"), (5,)),
    "conv": (lambda: layers.Conv2D(4, 3, strides=2, name="one"), (7, 7, 2)),
    "deconv": (lambda: layers.Conv2DTranspose(4, 3, strides=2, name="one"), (3, 3, 2)),
}
OUTPUTS = {"dense": 1, "conv": 3, "deconv": 2}


def made(kind):
    make, shape = LAYERS[kind]
    model = spectral.normalized(keras.Sequential([keras.Input(shape), make()]))
    layer = model.layers[0]
    kernel = np.random.default_rng(0).normal(size=layer.layer.kernel.shape)
    layer.layer.kernel.assign(kernel)
    inputs = np.random.default_rng(1).normal(size=(3, *shape)).astype(np.float32)
    return layer, kernel, inputs


def largest(kernel, kind):
    """The largest singular value of the kernel as [outputs, everything else]."""
    matrix = np.moveaxis(kernel, OUTPUTS[kind], 0).reshape(
        kernel.shape[OUTPUTS[kind]], -1
    )
    return np.linalg.svd(matrix, compute_uv=False)[0]


@pytest.mark.parametrize("kind", LAYERS)
def test_output_is_that_of_the_kernel_over_its_norm(kind):
    layer, kernel, inputs = made(kind)
    for _ in range(100):  # power iterations
        layer(inputs, training=True)
    plain, _ = LAYERS[kind]
    reference = plain()
    reference(inputs)
    reference.kernel.assign(kernel / largest(kernel, kind))
    np.testing.assert_allclose(layer(inputs), reference(inputs), atol=1e-4)
    np.testing.assert_allclose(layer.layer.kernel, kernel, rtol=1e-6)


@pytest.mark.parametrize("kind", LAYERS)
def test_gradient_goes_through_the_division(kind):
    layer, kernel, inputs = made(kind)
    for _ in range(100):
        layer(inputs, training=True)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(tf.square(layer(inputs, training=True)))
    gradient = tape.gradient(value, layer.layer.kernel.value)
    # The output does not feel the kernel's scale.
    along = np.sum(gradient * kernel)
    assert abs(along) < 1e-3 * np.linalg.norm(gradient) * np.linalg.norm(kernel)
    assert np.linalg.norm(gradient) > 1e-2


def test_inference_leaves_the_iteration_alone():
    layer, _, inputs = made("dense")
    before = np.array(layer.u)
    layer(inputs)
    np.testing.assert_array_equal(layer.u, before)
    layer(inputs, training=True)
    assert np.abs(layer.u - before).max() > 1e-4


def test_norm_is_known_from_the_start():
    layer = spectral.SpectralNormalized(layers.Dense(30))
    layer.build((None, 40))
    kernel = np.asarray(layer.layer.kernel)
    sigma = np.linalg.norm(np.asarray(layer.u) @ kernel.T)
    np.testing.assert_allclose(sigma, largest(kernel, "dense"), rtol=0.05)


def test_every_matrix_of_a_decoder_is_normalised_and_names_stay():
    plain = infogan.InfoGAN(filters=4, hidden=8).decoder(3, (8, 8, 1))
    model = spectral.normalized(plain)
    wrapped = {
        item.name
        for item in model.layers
        if isinstance(item, spectral.SpectralNormalized)
    }
    assert wrapped == {"dense_0", "dense_1", "deconv_2", "deconv_3"}
    assert [item.name for item in model.layers] == [item.name for item in plain.layers]
    assert model.name == plain.name
    paths = [variable.path for variable in model.variables]
    assert len(set(paths)) == len(paths)
    assert model(np.zeros([2, 3], np.float32)).shape == (2, 8, 8, 1)


def test_functional_models_are_normalised_too():
    start = keras.Input((4,))
    both = layers.Concatenate()([start, layers.Dense(3, name="inner")(start)])
    model = spectral.normalized(keras.Model(start, layers.Dense(2, name="last")(both)))
    kinds = [type(item) for item in model.layers]
    assert kinds.count(spectral.SpectralNormalized) == 2
    assert model(np.ones([5, 4], np.float32)).shape == (5, 2)


def test_a_model_is_saved_with_its_iterations(tmp_path):
    layer, _, inputs = made("deconv")
    model = keras.Sequential([keras.Input(inputs.shape[1:]), layer])
    model(inputs, training=True)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(inputs), model(inputs))
    np.testing.assert_array_equal(loaded.layers[0].u, layer.u)


@pytest.mark.parametrize(
    "layer", [layers.EinsumDense("ab,bc->ac", 4), keras.Sequential([layers.Dense(4)])]
)
def test_matrices_that_would_keep_their_norms_are_refused(layer):
    model = keras.Sequential([keras.Input((5,)), layer, layers.Dense(1)])
    with pytest.raises(errors.Unsupported, match=type(layer).__name__):
        spectral.normalized(model)
