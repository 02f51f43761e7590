# SPDX-License-Identifier: Apache-2.0
"""Detects copies of training images, by distances to the nearest ones.

Meehan, Chaudhuri, Dasgupta, A Non-Parametric Test to Detect Data-Copying in Generative
Models, 2020, https://arxiv.org/abs/2004.05675

The yardstick is the test set: real images that the model has not seen. Samples that are
closer to the training images than test images are suggest copying. Distances are
Euclidean, between pixels in [0, 1].
"""

__all__ = ["Memorization", "check"]

import dataclasses

import numpy as np

from glf_tf import errors, types
from glf_tf.data import pixels
from glf_tf.metrics import neighbors, vectors


@dataclasses.dataclass(frozen=True, eq=False)
class Memorization:
    """Distances of samples to training images, compared with those of test images.

    Attributes:
        to_train: float64 `[size]`, from each sample to the nearest training image.
        nearest_train: int64 `[size]`, the index of that training image.
        to_test: float64 `[size]`, from each sample to the nearest test image.
        test_to_train: float64 `[test_size]`, from each test image to the nearest
            training image: `to_train` for new real images.
        closer_to_train: Fraction of samples that are closer to a training image than to
            a test image, among equally many of both; about 0.5 without copying. It does
            not detect copies of training images that are not among them.
        copying: Probability that a sample is closer to the training set than a test
            image; well above 0.5 for copies, well below 0.5 for poor samples.
    """

    to_train: np.ndarray
    nearest_train: np.ndarray
    to_test: np.ndarray
    test_to_train: np.ndarray
    closer_to_train: float
    copying: float

    def summary(self) -> dict[str, float]:
        """Returns the fractions, and the medians of the distances."""
        return {
            "closer_to_train": self.closer_to_train,
            "copying": self.copying,
            "median_sample_to_train": float(np.median(self.to_train)),
            "median_sample_to_test": float(np.median(self.to_test)),
            "median_test_to_train": float(np.median(self.test_to_train)),
        }


def check(
    samples: types.Tensor,
    *,
    train: types.Tensor,
    test: types.Tensor,
    seed: types.Seed,
) -> Memorization:
    """Returns the distances of samples to their nearest training and test images.

    Args:
        samples: `[size, height, width, channels]`, uint8 or floats in [0, 1].
        train: Training images `[train_size, height, width, channels]`, maybe a large
            mapped file.
        test: Test images `[test_size, height, width, channels]`.
        seed: Seed of the subset of training images for equal counts.

    Raises:
        InvalidValue: The images are invalid, or of different shapes.
    """
    samples, train, test = _rows(samples, train=train, test=test)
    nearest_train, to_train = neighbors.nearest(samples, others=train)
    _, to_test = neighbors.nearest(samples, others=test)
    _, test_to_train = neighbors.nearest(test, others=train)
    return Memorization(
        to_train=to_train,
        nearest_train=nearest_train,
        to_test=to_test,
        test_to_train=test_to_train,
        closer_to_train=_share_below(
            _to_some(samples, others=train, count=len(test), known=to_train, seed=seed),
            others=_to_some(
                samples, others=test, count=len(train), known=to_test, seed=seed
            ),
        ),
        copying=_probability_below(to_train, others=test_to_train),
    )


def _rows(
    samples: types.Tensor, *, train: types.Tensor, test: types.Tensor
) -> list[np.ndarray]:
    named = {"samples": samples, "train": train, "test": test}
    checked = {name: pixels.check(x, name=name) for name, x in named.items()}
    shapes = {name: x.shape[1:] for name, x in checked.items()}
    if len(set(shapes.values())) > 1:
        raise errors.InvalidValue(
            "Samples, training and test images must have the same shape",
            received=str(shapes),
            do="Load the data as the model was trained on it",
        )
    for name, x in checked.items():
        for _ in pixels.batches(x, size=4096, name=name):
            pass  # Checks the values.
    return [x.reshape(len(x), -1) for x in checked.values()]


def _to_some(
    samples: np.ndarray,
    *,
    others: np.ndarray,
    count: int,
    known: np.ndarray,
    seed: types.Seed,
) -> np.ndarray:
    """Returns the distances to the nearest of at most `count` of the others.

    Distances decrease with the number of candidates, so only equal numbers compare.
    """
    some = vectors.subset(others, count=count, seed=seed)
    return known if some is others else neighbors.nearest(samples, others=some)[1]


def _share_below(distances: np.ndarray, *, others: np.ndarray) -> float:
    """Returns the fraction of pairs in which the first is smaller; ties count half."""
    return float(np.mean((distances < others) + 0.5 * (distances == others)))


def _probability_below(distances: np.ndarray, *, others: np.ndarray) -> float:
    """Returns P(distance < other) over all pairs, a tie counting half."""
    others = np.sort(others)
    above = len(others) - np.searchsorted(others, distances, side="right")
    not_below = len(others) - np.searchsorted(others, distances, side="left")
    return float(np.mean(above + not_below) / (2 * len(others)))
