# SPDX-License-Identifier: Apache-2.0
"""The critic of patches: its shapes, what a score sees, and its norms."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors
from glf_tf.networks import patch_critic


def made(shape=(28, 28, 1), widths=(4, 6, 8), **options):
    keras.utils.set_random_seed(0)
    return patch_critic.patch_critic(shape, widths=widths, **options)


def images(count=2, shape=(28, 28, 1)):
    return tf.constant(np.random.default_rng(0).random((count, *shape)), tf.float32)


def test_features_halve_and_the_scores_come_last():
    *features, scores = made()(images())
    assert [tuple(x.shape[1:]) for x in features] == [
        (14, 14, 4),
        (7, 7, 6),
        (4, 4, 8),
    ]
    assert scores.shape == (2, 4, 4, 1)


def test_images_need_not_be_square_nor_grey():
    *_, scores = made((9, 14, 3), widths=(4, 6))(images(shape=(9, 14, 3)))
    assert scores.shape == (2, 3, 4, 1)


@pytest.mark.parametrize(("widths", "side"), [((5,), 10), ((5, 5), 22)])
def test_a_score_depends_on_its_patch_alone(widths, side):
    assert patch_critic.side_of_patch(widths) == side
    shape = (64, 64, 1)
    critic, image = made(shape, widths=widths), images(1, shape)
    with tf.GradientTape() as tape:
        tape.watch(image)
        scores = critic(image)[-1]
        score = scores[0, scores.shape[1] // 2, scores.shape[2] // 2, 0]
    rows = np.flatnonzero(np.any(tape.gradient(score, image)[0, ..., 0] != 0, axis=1))
    assert rows[-1] - rows[0] + 1 == side


def test_images_of_a_batch_are_judged_each_alone():
    critic, image = made(), images(3)
    together = critic(image, training=True)[-1]
    critic = made()
    np.testing.assert_allclose(
        critic(image[:1], training=True)[-1], together[:1], atol=1e-6
    )


def test_its_kernels_have_norm_one():
    critic = made(widths=(4,))
    for variable in critic.trainable_variables:
        variable.assign(10.0 * variable)
    for _ in range(20):
        critic(images(), training=True)
    layer = critic.get_layer("conv_0")
    kernel = np.asarray(layer.layer.kernel).reshape(-1, 4)
    norm = np.linalg.norm(kernel, 2)
    response = layer(images()) - tf.convert_to_tensor(layer.layer.bias)
    plain = tf.nn.conv2d(images(), layer.layer.kernel, strides=2, padding="SAME")
    np.testing.assert_allclose(response, plain / norm, atol=1e-5)


def test_it_can_be_made_without_norms():
    names = {v.name for v in made(is_spectral=False).variables}
    assert names == {"kernel", "bias"}
    assert "u" in {v.name for v in made().variables}


@pytest.mark.parametrize("widths", [(), (4, 0), (-1,)])
def test_widths_must_be_positive(widths):
    with pytest.raises(errors.InvalidValue, match="`widths` of a critic"):
        made(widths=widths)


def test_a_critic_deeper_than_the_image_allows_is_refused():
    assert made((8, 9, 1), widths=(2, 2, 2))
    with pytest.raises(errors.InvalidValue, match="at least 16 pixels.*at most 3 wid"):
        made((8, 28, 1), widths=(2, 2, 2, 2))
