# SPDX-License-Identifier: Apache-2.0
"""A network that learns which way up images are, which needs no labels.

Gidaris, Singh, Komodakis: Unsupervised Representation Learning by Predicting Image
Rotations, 2018. https://arxiv.org/abs/1803.07728

Each image of a batch is seen in its four rotations by multiples of 90 degrees, and the
network says which one it sees. To know it must know the shapes in the image, and so its
convolutions are features for a perceptual loss.

Deviation: the authors' networks are larger (Network in Network, AlexNet), and trained
for long; this one trains for a minute or two on a CPU.
"""

__all__ = ["ROTATIONS", "build", "fit"]

from collections.abc import Sequence

import keras
import numpy as np

from glf_tf import errors, seeds, types
from glf_tf.data import pixels
from glf_tf.metrics.extractors import classifier_training

ROTATIONS = 4


def fit(
    images: np.ndarray, *, seed: int, steps: int, widths: Sequence[int]
) -> tuple[keras.Sequential, float]:
    """Returns a trained network, and how often it is right in training, in [0, 1].

    Args:
        images: `[size, height, width, channels]`, uint8 or floats in [0, 1].
        seed: Of weights and batches.
        steps: Number of steps, of 32 images in four rotations each.
        widths: Channels of the convolutions at each resolution.

    Raises:
        InvalidValue: Images are not square or too small, or an option is not positive.
    """
    pixels.check(images, name="train images")
    seeds.check_not_negative(seed=seed)
    _check(images.shape[1:], steps=steps, widths=widths)
    network = build(images.shape[1:], widths=widths, seed=seed)
    batches = _Rotated(images, seed=seed, steps=steps)
    accuracy = classifier_training.optimize(network, batches, epochs=1, told="features")
    return network, accuracy


def build(
    image_shape: types.ImageShape, *, widths: Sequence[int], seed: types.Seed
) -> keras.Sequential:
    """Returns the untrained network, from images in [0, 1] to logits `[n, 4]`.

    conv 3x3, ReLU, conv 3x3, ReLU                  for each width
    average of 2x2                                  between two widths
    average of all pixels, dense                    the logits
    """
    layers, drawn = keras.layers, iter(seeds.split(seed, num=2 * len(widths) + 1))
    stack = [keras.Input(image_shape)]
    for level, width in enumerate(widths, start=1):
        if level > 1:
            stack.append(
                layers.AveragePooling2D(2, padding="same", name=f"pool_{level}")
            )
        for name in ("first", "second"):
            stack.append(
                layers.Conv2D(
                    width,
                    3,
                    padding="same",
                    activation="relu",
                    kernel_initializer=_initializer(next(drawn)),
                    name=f"level_{level}_{name}",
                )
            )
    last = layers.Dense(ROTATIONS, kernel_initializer=_initializer(next(drawn)))
    return keras.Sequential(
        [*stack, layers.GlobalAveragePooling2D(), last], name="rotations"
    )


class _Rotated(keras.utils.PyDataset):
    """Batches in all rotations; seed and index alone decide what is in them."""

    def __init__(self, images: np.ndarray, *, seed: int, steps: int):
        super().__init__()
        self._images, self._seed, self._steps = images, seed, steps
        self._size = min(classifier_training.BATCH // ROTATIONS, len(images))

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([self._seed, index])
        rows = np.sort(rng.choice(len(self._images), size=self._size, replace=False))
        upright = pixels.to_unit(self._images[rows], name="train images")
        turned = [np.rot90(upright, k, axes=(1, 2)) for k in range(ROTATIONS)]
        return np.concatenate(turned), np.repeat(np.arange(ROTATIONS), self._size)


def _initializer(seed: types.Tensor) -> keras.Initializer:
    return keras.initializers.HeUniform(seed=seeds.of_keras(seed))


def _check(image_shape: types.ImageShape, *, steps: int, widths: Sequence[int]) -> None:
    height, width, _ = image_shape
    if height != width:
        raise errors.InvalidValue(
            "Images that are rotated must be square",
            received=f"{height} x {width} pixels",
            do="Cut or pad them, or train by labels",
        )
    if steps < 1 or not widths or min(widths) < 1:
        raise errors.InvalidValue(
            "A network has widths, and is trained for steps, all of them positive",
            received=f"steps={steps}, widths={tuple(widths)}",
            do="Use for instance steps=1500, widths=16,32,64",
        )
    if height < 2 ** len(widths):
        raise errors.InvalidValue(
            "Each width but the first halves the image, and the last must see 2 pixels",
            received=f"a side of {height} with {len(widths)} widths",
            do="Use fewer widths",
        )
