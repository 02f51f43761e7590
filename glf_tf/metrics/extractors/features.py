# SPDX-License-Identifier: Apache-2.0
"""What turns images into the vectors that distances compare, and gives them its name.

A Frechet distance means nothing without its extractor. An extractor therefore carries a
name and a checksum, and `glf_tf.metrics.protocol` stores both with every number.
"""

__all__ = [
    "INCEPTION",
    "AbstractClassifier",
    "AbstractExtractor",
    "FunctionExtractor",
]

import abc
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from glf_tf import errors, tensor_float, types
from glf_tf.data import pixels

INCEPTION = "inception-2015-12-05"
"""The one extractor whose Frechet distance is called FID."""


class AbstractExtractor(abc.ABC):
    """A function from images to features, run in batches of bounded memory.

    Attributes:
        name: What its distances are named after, such as "classifier(mnist)".
        checksum: A digest of its weights; the empty string where nobody knows one.
        dim: The width of the features.
        batch_size: How many images it sees at a time.
    """

    def __init__(self, *, name: str, checksum: str, dim: int, batch_size: int):
        self.name, self.checksum, self.dim = name, checksum, dim
        self.batch_size = batch_size

    @abc.abstractmethod
    def _extract(self, images: np.ndarray) -> types.Tensor:
        """Returns the features `[batch, dim]` of images `[batch, height, width, c]`.

        Args:
            images: float32 in [0, 1]; the last batch may be smaller than the others.
        """

    def __call__(self, images: types.Tensor) -> np.ndarray:
        """Returns the features of the images, float32 `[size, dim]`.

        Args:
            images: `[size, height, width, channels]`, uint8 or floats in [0, 1].

        Raises:
            InvalidValue: The images or what became of them are not fit.
        """
        pieces = pixels.batches(images, size=self.batch_size)
        return np.concatenate(list(self.stream(pieces)))

    def stream(self, pieces: Iterable[types.Tensor]) -> Iterator[np.ndarray]:
        """Yields the features of one piece of images after the other.

        For samples that are never all in memory. A piece may be of any size.
        """
        for piece in pieces:
            for batch in pixels.batches(piece, size=self.batch_size):
                with tensor_float.full_float32():
                    features = np.asarray(self._extract(batch))
                yield self._check(features, size=len(batch))

    def _check(self, features: np.ndarray, *, size: int) -> np.ndarray:
        if features.shape != (size, self.dim):
            raise errors.InvalidValue(
                f"The extractor {self.name} must return [size, dim]",
                received=f"shape {features.shape} for {size} images, dim={self.dim}",
                do="Flatten its result, or state the width that it has",
            )
        if not np.all(np.isfinite(features)):
            raise errors.InvalidValue(
                f"The extractor {self.name} must return finite features",
                received="NaN or inf",
                do="Look at its weights and at the range that it expects",
            )
        return features.astype(np.float32, copy=False)


class AbstractClassifier(AbstractExtractor):
    """An extractor that also finds the labels of images.

    Attributes:
        accuracy: Accuracy on the test images, in [0, 1].
        classes: Number of classes.
    """

    accuracy: float
    classes: int

    @abc.abstractmethod
    def classify(self, images: types.Tensor) -> np.ndarray:
        """Returns the most likely class of images, `[size]`, numbered from 0.

        Args:
            images: `[size, height, width, channels]`, uint8 or floats in [0, 1].
        """


class FunctionExtractor(AbstractExtractor):
    """Anybody's function from images to features."""

    def __init__(
        self,
        function: Callable[[np.ndarray], types.Tensor],
        *,
        name: str,
        dim: int,
        checksum: str = "",
        batch_size: int = 100,
    ):
        """Wraps a function.

        Args:
            function: From images, float32 `[batch, height, width, channels]` in [0, 1],
                to features `[batch, dim]`.
            name: What its distances are called after.
            dim: The width of its features.
            checksum: A digest of its weights, stored with every number.
            batch_size: How many images to hand it at a time.

        Raises:
            InvalidValue: The name is that of the Inception graph.
        """
        if name == INCEPTION:
            raise errors.InvalidValue(
                "Only the 2015 graph may bear its name: its distance is called FID",
                received=f"name={name!r}",
                do="Give the function a name of its own",
            )
        super().__init__(name=name, checksum=checksum, dim=dim, batch_size=batch_size)
        self._function = function

    def _extract(self, images: np.ndarray) -> types.Tensor:
        return self._function(images)
