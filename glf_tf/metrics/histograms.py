# SPDX-License-Identifier: Apache-2.0
"""Bits per dimension of models that learn nothing but counts.

A density of images must need fewer bits than these: above `per_pixel` it knows less
than how often each pixel has each value, above `given_neighbours` less than what two
neighbours say.
"""

__all__ = ["given_neighbours", "per_pixel"]

import numpy as np

_VALUES = 256
_LEVELS = 16
_AT_ONCE = 1000


def per_pixel(train: np.ndarray, test: np.ndarray) -> float:
    """Returns the bits of a histogram for each number of an image.

    Args:
        train: Images uint8 `[size, height, width, channels]`, which are counted.
        test: Other images of that shape, which are encoded.
    """
    contexts = int(np.prod(train.shape[1:]))

    def positions(images: np.ndarray) -> np.ndarray:
        return np.broadcast_to(np.arange(contexts), (len(images), contexts))

    return _bits(train, test, contexts=contexts, context_of=positions)


def given_neighbours(train: np.ndarray, test: np.ndarray) -> float:
    """Returns the bits of histograms given the left and the upper neighbour.

    Neighbours have 16 levels each, 0 outside of the image; each channel has histograms
    of its own. Arguments as in `per_pixel`.
    """
    channels = train.shape[-1]

    def neighbours(images: np.ndarray) -> np.ndarray:
        level = np.pad(images // (_VALUES // _LEVELS), [(0, 0), (1, 0), (1, 0), (0, 0)])
        left, upper = level[:, 1:, :-1].astype(np.int64), level[:, :-1, 1:]
        pair = left * _LEVELS + upper
        return (pair * channels + np.arange(channels)).reshape(len(images), -1)

    contexts = _LEVELS * _LEVELS * channels
    return _bits(train, test, contexts=contexts, context_of=neighbours)


def _bits(train, test, *, contexts, context_of) -> float:
    """Returns the mean bits of values given contexts, with one count more for each."""
    counts = np.full(contexts * _VALUES, 1.0 / _VALUES)
    for images in _chunks(train):
        cells = context_of(images) * _VALUES + images.reshape(len(images), -1)
        counts += np.bincount(cells.ravel(), minlength=len(counts))
    counts = counts.reshape(contexts, _VALUES)
    bits = -np.log2(counts / counts.sum(axis=1, keepdims=True))
    total = sum(
        bits[context_of(images), images.reshape(len(images), -1)].sum()
        for images in _chunks(test)
    )
    return float(total / test.size)


def _chunks(images: np.ndarray):
    for start in range(0, len(images), _AT_ONCE):
        yield images[start : start + _AT_ONCE]
