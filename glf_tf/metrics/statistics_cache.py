# SPDX-License-Identifier: Apache-2.0
"""Cache of reference statistics, keyed by the images and the extractor."""

__all__ = ["StaleCacheWarning", "path_of", "load", "save", "load_or_compute"]

import pathlib
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from glf_tf.metrics import archive, digest, frechet

KIND = "feature statistics"
VERSION = 1
"""Increased when the same images and extractor give other statistics."""


class StaleCacheWarning(UserWarning):
    """A warning that a cached file could not be used and was computed again."""


def path_of(
    folder: pathlib.Path, *, extractor: str, checksum: str, images: str
) -> pathlib.Path:
    """Returns the file of statistics.

    Args:
        folder: The folder of the cache.
        extractor: The extractor's name.
        checksum: The extractor's checksum.
        images: The digest of the images.
    """
    key = digest.of_text("\n".join([extractor, checksum, images]))
    return pathlib.Path(folder).expanduser() / f"statistics-{key}.npz"


def save(path: pathlib.Path, *, statistics: frechet.Statistics) -> None:
    """Writes the statistics atomically."""
    archive.save(path, **_archived(statistics))


def load(path: pathlib.Path) -> frechet.Statistics:
    """Returns the statistics in a file.

    Raises:
        NotFound: There is no such file.
        StaleArchive: It is truncated or of another version.
    """
    return _statistics(*archive.load(path, kind=KIND, version=VERSION), path=path)


def load_or_compute(
    path: pathlib.Path, *, compute: Callable[[], frechet.Statistics]
) -> frechet.Statistics:
    """Returns the statistics in a file, or computes and saves them.

    A file that cannot be used is replaced, with a `StaleCacheWarning`; if it cannot be
    written, there is an `archive.NotKeptWarning`.
    """
    try:
        found = archive.find(path, kind=KIND, version=VERSION)
        if found is not None:
            return _statistics(*found, path=path)
    except archive.StaleArchive as error:
        warnings.warn(str(error), StaleCacheWarning, stacklevel=2)
    statistics = compute()
    archive.keep(path, **_archived(statistics))
    return statistics


def _archived(statistics: frechet.Statistics) -> dict[str, Any]:
    return {
        "kind": KIND,
        "version": VERSION,
        "arrays": {"mean": statistics.mean, "covariance": statistics.covariance},
        "about": {"count": statistics.count},
    }


def _statistics(
    arrays: Mapping[str, np.ndarray], about: Mapping[str, Any], *, path: pathlib.Path
) -> frechet.Statistics:
    """Returns the statistics in an archive.

    Raises:
        StaleArchive: It has no statistics.
    """
    try:
        mean, covariance = arrays["mean"], arrays["covariance"]
        count = about["count"]
        is_right = (
            mean.ndim == 1
            and covariance.shape == 2 * mean.shape
            and {mean.dtype.kind, covariance.dtype.kind} == {"f"}
            and bool(np.isfinite(mean).all() and np.isfinite(covariance).all())
            and type(count) is int
            and count > 0
        )
    except KeyError:
        is_right = False
    if not is_right:
        raise archive.StaleArchive(
            "Statistics are a mean, a covariance and a count",
            received=f"{path}, which has other content",
            do="Delete it; it will be made anew",
        )
    return frechet.Statistics(mean, covariance, count=count)
