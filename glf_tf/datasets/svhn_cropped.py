# SPDX-License-Identifier: Apache-2.0
"""SVHN: 99,289 cropped photographs of house numbers.

Netzer, Wang, Coates, Bissacco, Wu, Ng, "Reading Digits in Natural Images with
Unsupervised Feature Learning", NIPS Workshop on Deep Learning and Unsupervised Feature
Learning, 2011. http://ufldl.stanford.edu/housenumbers
"""

__all__ = ["SvhnCropped"]

import functools
import pathlib
import struct
import zlib

import numpy as np

from glf_tf import errors
from glf_tf.data import image_set
from glf_tf.datasets import dataset, published, sources

_FILES = {"train": "train_32x32.mat", "test": "test_32x32.mat"}
_IMAGE_SHAPE = (32, 32, 3)
_LABEL_OF_ZERO = 10
_MAT_HEADER_BYTES = 128
_MAT_COMPRESSED = 15
_STEP_BYTES = 2**20


class SvhnCropped(published.AbstractPublished):
    """SVHN: 73,257 and 26,032 colour photographs of 32x32 pixels, in 10 classes.

    Args:
        paths: Searched for `train_32x32.mat` and `test_32x32.mat` in
            `data_dir/svhn_cropped` or `data_dir`, then TFDS.
    """

    set_name = "svhn_cropped"
    below_data_dir = ("svhn_cropped", "svhn", "SVHN")
    advice = (
        "Put train_32x32.mat and test_32x32.mat in a folder and pass "
        "--data_dir=FOLDER, or pass --download on a connected machine"
    )

    def source(self, split: dataset.Split, *, folder: pathlib.Path) -> sources.Source:
        """Returns a folder that may hold MATLAB's files; labels are in [0, 9]."""
        load = functools.partial(_load, split, folder)
        return sources.Source(f"{folder} (.mat files)", load)


def _load(split: dataset.Split, folder: pathlib.Path) -> image_set.ImageSet | None:
    files = sources.all_or_none(
        "svhn_cropped", folder, [_FILES[split]], siblings=_FILES.values()
    )
    if files is None:
        return None
    pixels, labels = _content(files[0])
    # The files number the digit 0 as class 10.
    labels = np.where(labels == _LABEL_OF_ZERO, 0, labels)
    return image_set.ImageSet(
        name="svhn_cropped",
        split=split,
        images=np.ascontiguousarray(pixels.transpose(3, 0, 1, 2)),
        labels=labels.astype(np.int64),
        source=str(folder),
    )


def _content(file: pathlib.Path) -> tuple[np.ndarray, np.ndarray]:
    """Returns pixels uint8 `[32, 32, 3, size]` and labels `[size]` in [1, 10]."""
    # Imported here, as importing SciPy's reader takes half a second.
    from scipy import io

    try:
        _check_unpacked(file)
        content = io.loadmat(file, variable_names=["X", "y"])
        pixels, labels = content["X"], content["y"].reshape(-1)
    # SciPy raises many errors on damaged files: KeyError where X or y is missing, and
    # ValueError, TypeError, OSError, zlib.error and its own errors otherwise.
    except Exception as error:
        raise _damaged(file, f"cannot be read ({error})") from error
    if pixels.dtype != np.uint8 or pixels.shape != (*_IMAGE_SHAPE, len(labels)):
        raise _damaged(file, f"has X {pixels.dtype} {pixels.shape}, y {labels.shape}")
    if not np.isin(labels, np.arange(1, _LABEL_OF_ZERO + 1)).all():
        raise _damaged(file, f"has labels in [{labels.min()}, {labels.max()}]")
    return pixels, labels


def _check_unpacked(file: pathlib.Path) -> None:
    """Refuses a file that would need more memory than `sources.MAX_BYTES`.

    A MATLAB file of version 5 is a header and elements: kind and size, each four bytes,
    and content; compressed ones are unpacked here in steps and discarded.
    """
    unpacked = 0
    with file.open("rb") as stream:
        order = "<" if stream.read(_MAT_HEADER_BYTES)[-2:] == b"IM" else ">"
        while len(tag := stream.read(8)) == 8:
            kind, size = struct.unpack(f"{order}II", tag)
            content = stream.read(size)
            if kind != _MAT_COMPRESSED:
                continue
            inflate = zlib.decompressobj()
            while content and unpacked <= sources.MAX_BYTES:
                unpacked += len(inflate.decompress(content, _STEP_BYTES))
                content = inflate.unconsumed_tail
    if unpacked > sources.MAX_BYTES:
        raise ValueError(f"more than {sources.MAX_BYTES:,} bytes are compressed in it")


def _damaged(file: pathlib.Path, found: str) -> errors.Damaged:
    return errors.Damaged(
        "A file of SVHN must have X, uint8 [32, 32, 3, size], and y in [1, 10]",
        received=f"{file}, which {found}",
        do="Download the file again; it must be of SVHN's cropped version",
    )
