# SPDX-License-Identifier: Apache-2.0
"""CIFAR-10: 60,000 small colour photographs.

Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", technical report,
2009. https://www.cs.toronto.edu/~kriz/cifar.html
"""

__all__ = ["Cifar10"]

import functools
import pathlib

import numpy as np

from glf_tf import errors
from glf_tf.data import image_set
from glf_tf.datasets import dataset, published, sources

_FILES = {
    "train": tuple(f"data_batch_{index}.bin" for index in range(1, 6)),
    "test": ("test_batch.bin",),
}
_SHAPE = (3, 32, 32)
_RECORD_BYTES = 1 + 3 * 32 * 32
_CLASSES = 10


class Cifar10(published.AbstractPublished):
    """CIFAR-10: 50,000 and 10,000 colour photographs of 32x32 pixels, in 10 classes.

    Args:
        paths: Searched for the binary files in `data_dir/cifar-10-batches-bin`,
            `data_dir/cifar10` or `data_dir`, then TFDS.
    """

    set_name = "cifar10"
    below_data_dir = (
        "cifar10/cifar-10-batches-bin",
        "cifar-10-batches-bin",
        "cifar10",
    )
    advice = (
        "Unpack cifar-10-binary.tar.gz in a folder and pass --data_dir=FOLDER, or pass "
        "--download on a connected machine"
    )

    def source(self, split: dataset.Split, *, folder: pathlib.Path) -> sources.Source:
        """Returns a folder that may hold the binary files; labels are in [0, 9]."""
        load = functools.partial(_load, split, folder)
        return sources.Source(f"{folder} (binary files)", load)


def _load(split: dataset.Split, folder: pathlib.Path) -> image_set.ImageSet | None:
    siblings = sum(_FILES.values(), ())
    files = sources.all_or_none("cifar10", folder, _FILES[split], siblings=siblings)
    if files is None:
        return None
    records = np.concatenate([_records(file) for file in files])
    planes = records[:, 1:].reshape(-1, *_SHAPE)
    return image_set.ImageSet(
        name="cifar10",
        split=split,
        images=np.ascontiguousarray(planes.transpose(0, 2, 3, 1)),
        labels=records[:, 0].astype(np.int64),
        source=str(folder),
    )


def _records(file: pathlib.Path) -> np.ndarray:
    """Returns uint8 `[size, 1 + 3 * 32 * 32]`: a label, then the colour planes."""
    values = np.fromfile(file, np.uint8)
    whole = len(values) and len(values) % _RECORD_BYTES == 0
    records = values.reshape(-1, _RECORD_BYTES) if whole else None
    if records is None or records[:, 0].max() >= _CLASSES:
        raise errors.InvalidValue(
            f"A binary file of CIFAR-10 holds records of {_RECORD_BYTES} bytes, each "
            f"with a label below {_CLASSES}",
            received=f"{file}, which has {len(values)} bytes",
            do="Download the file again; it must be of CIFAR-10's binary version",
        )
    return records
