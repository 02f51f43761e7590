# SPDX-License-Identifier: Apache-2.0
"""The real images that samples are compared with, with features and statistics."""

__all__ = ["Reference"]

import functools
import pathlib
from typing import Any

import numpy as np

from glf_tf import types
from glf_tf.data import pixels
from glf_tf.metrics import digest, frechet, statistics_cache
from glf_tf.metrics.extractors import features


class Reference:
    """Real images with their features and statistics, which are computed when needed.

    Attributes:
        extractor: The feature extractor.
        split: Name of the images, such as "test".
        images: `[size, height, width, channels]`.
        digest: Digest of the images.
    """

    def __init__(
        self,
        images: types.Tensor,
        *,
        extractor: features.AbstractExtractor,
        split: str,
        cache_dir: pathlib.Path | None = None,
    ):
        """Initializes the reference.

        Args:
            images: `[size, height, width, channels]`, uint8 or floats in [0, 1]; maybe
                a large mapped file.
            extractor: The feature extractor.
            split: Name of the images, such as "test".
            cache_dir: Folder that caches statistics; None for no cache.
        """
        self.images = pixels.check(images, name="reference images")
        self.extractor, self.split = extractor, split
        self.digest = digest.of_array(self.images)
        self._cache_dir = cache_dir

    def __len__(self) -> int:
        return len(self.images)

    @functools.cached_property
    def features(self) -> np.ndarray:
        """Features of all images, float32 `[size, dim]`, in memory."""
        return self.extractor(self.images)

    @functools.cached_property
    def statistics(self) -> frechet.Statistics:
        """Statistics of the features, from the cache if there is one.

        Extractors without a checksum cannot be identified: their statistics are not
        cached.
        """
        if self._cache_dir is None or not self.extractor.checksum:
            return self._compute()
        path = statistics_cache.path_of(
            self._cache_dir,
            extractor=self.extractor.name,
            checksum=self.extractor.checksum,
            images=self.digest,
        )
        return statistics_cache.load_or_compute(path, compute=self._compute)

    @property
    def identity(self) -> dict[str, Any]:
        """The fields of a `protocol.Protocol` that the reference determines."""
        return {
            "extractor": self.extractor.name,
            "extractor_checksum": self.extractor.checksum,
            "reference_split": self.split,
            "reference_digest": self.digest,
            "references": len(self),
        }

    def _compute(self) -> frechet.Statistics:
        if "features" in vars(self):
            return frechet.statistics(self.features)
        # A Frechet distance alone does not need all features in memory.
        pieces = pixels.batches(self.images, size=self.extractor.batch_size)
        return frechet.statistics(self.extractor.stream(pieces), dim=self.extractor.dim)
