# SPDX-License-Identifier: Apache-2.0
"""Networks that learn which way up images are: what they see, and what they learn."""

import keras
import numpy as np
import pytest

from glf_tf import errors
from glf_tf.data import paths
from glf_tf.datasets import digits
from glf_tf.metrics.extractors import rotations

TINY = {"seed": 0, "steps": 3, "widths": (4, 6)}


@pytest.fixture(scope="module")
def images():
    return digits.Digits(paths.DataPaths()).load("train").images


def test_a_batch_has_every_image_in_its_four_rotations(images):
    batch, turns = rotations._Rotated(images, seed=0, steps=1)[0]
    assert batch.shape == (128, 8, 8, 1)
    np.testing.assert_array_equal(turns, np.repeat(range(4), 32))
    upright = batch[:32]
    for k in range(4):
        for image, turned in zip(upright, batch[turns == k], strict=True):
            np.testing.assert_array_equal(turned[..., 0], np.rot90(image[..., 0], k))
    known = {image.tobytes() for image in images}
    assert all(np.uint8(np.rint(255 * image)).tobytes() in known for image in upright)


def test_batches_follow_from_seed_and_index(images):
    first, second = (rotations._Rotated(images, seed=3, steps=5) for _ in range(2))
    np.testing.assert_array_equal(first[4][0], second[4][0])
    assert np.any(first[4][0] != first[3][0])
    assert np.any(first[4][0] != rotations._Rotated(images, seed=4, steps=5)[4][0])


def test_the_same_seed_trains_the_same_weights(images):
    (first, _), (second, _) = (rotations.fit(images, **TINY) for _ in range(2))
    for left, right in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)
    other, _ = rotations.fit(images, **{**TINY, "seed": 1})
    assert np.any(other.get_weights()[0] != first.get_weights()[0])


def test_it_learns_to_see_rotations(images):
    network, accuracy = rotations.fit(images[:400], seed=0, steps=150, widths=(8, 16))
    turned = np.concatenate([np.rot90(images[400:], k, axes=(1, 2)) for k in range(4)])
    logits = network.predict(turned / 255.0, verbose=0)
    turns = np.repeat(range(4), len(images) - 400)
    assert np.mean(np.argmax(logits, axis=-1) == turns) > 0.5
    assert 0.4 < accuracy <= 1.0


def test_each_width_but_the_first_halves_the_image():
    network = rotations.build((9, 9, 3), widths=(2, 3, 4), seed=0)
    convs = [
        layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)
    ]
    sides = [layer.output.shape[1:] for layer in convs]
    assert sides == [(s, s, w) for s, w in ((9, 2), (5, 3), (3, 4)) for _ in range(2)]
    assert network.output_shape == (None, 4)


@pytest.mark.parametrize(
    ("shape", "options", "word"),
    [
        ((8, 9, 1), {}, "square"),
        ((3, 3, 1), {}, "halves"),
        ((8, 8, 1), {"steps": 0}, "steps=0"),
        ((8, 8, 1), {"widths": ()}, "widths"),
        ((8, 8, 1), {"widths": (3, 0)}, "widths"),
        ((8, 8, 1), {"seed": -1}, "seed"),
    ],
)
def test_what_it_cannot_learn_from_is_refused(shape, options, word):
    with pytest.raises(errors.InvalidValue, match=word):
        rotations.fit(np.zeros((5, *shape), np.uint8), **{**TINY, **options})
