# SPDX-License-Identifier: Apache-2.0
"""Reference statistics on disk, found again by what they were computed from."""

__all__ = ["StaleCacheWarning", "path_of", "load", "save", "load_or_compute"]

import pathlib
import warnings
from collections.abc import Callable

from glf_tf.metrics import archive, digest, frechet

KIND = "feature statistics"
VERSION = 1
"""Raise it when the same images and extractor would give other statistics."""


class StaleCacheWarning(UserWarning):
    """A file of a cache that could not be used and was made anew."""


def path_of(
    folder: pathlib.Path, *, extractor: str, checksum: str, images: str
) -> pathlib.Path:
    """Returns the file for some statistics.

    Args:
        folder: Of the cache.
        extractor: The extractor's name.
        checksum: The extractor's checksum.
        images: The digest of the images.
    """
    key = digest.of_text("\n".join([extractor, checksum, images]))
    return pathlib.Path(folder).expanduser() / f"statistics-{key}.npz"


def save(path: pathlib.Path, *, statistics: frechet.Statistics) -> None:
    """Writes the statistics, whole or not at all."""
    archive.save(
        path,
        kind=KIND,
        version=VERSION,
        arrays={"mean": statistics.mean, "covariance": statistics.covariance},
        about={"count": statistics.count},
    )


def load(path: pathlib.Path) -> frechet.Statistics:
    """Returns the statistics in a file.

    Raises:
        NotFound: There is no such file.
        StaleArchive: It is cut off or of another version.
    """
    arrays, about = archive.load(path, kind=KIND, version=VERSION)
    return frechet.Statistics(
        arrays["mean"], arrays["covariance"], count=int(about["count"])
    )


def load_or_compute(
    path: pathlib.Path, *, compute: Callable[[], frechet.Statistics]
) -> frechet.Statistics:
    """Returns the statistics in a file, or computes and keeps them.

    A file that cannot be used is made anew, with a `StaleCacheWarning`.
    """
    if path.exists():
        try:
            return load(path)
        except archive.StaleArchive as error:
            warnings.warn(str(error), StaleCacheWarning, stacklevel=2)
    statistics = compute()
    save(path, statistics=statistics)
    return statistics
