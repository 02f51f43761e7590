# SPDX-License-Identifier: Apache-2.0
"""BSDS300: patches of natural images.

Martin, Fowlkes, Tal, Malik, "A database of human segmented natural images", ICCV 2001;
the patches are those of Zoran, Weiss, "From learning models of natural image patches to
whole image restoration", ICCV 2011.
"""

__all__ = ["Bsds300"]

import pathlib

import h5py
import numpy as np

from glf_tf import errors
from glf_tf.datasets import archived, dataset


class Bsds300(archived.AbstractArchived):
    """BSDS300: 1,000,000, 50,000 and 250,000 patches of 63 numbers.

    They are grey patches of 8x8 pixels with uniform noise, without their mean, and
    without the last pixel, which the others tell. They are not standardised.

    Args:
        paths: Searched for BSDS300/BSDS300.hdf5 in `data_dir/data` or `data_dir`.
    """

    set_name = "bsds300"
    files = ("BSDS300/BSDS300.hdf5",)
    event_dim = 63

    def _prepare(self, file: pathlib.Path) -> archived.Splits:
        # HDF5 raises many kinds of errors on damaged files.
        try:
            with h5py.File(file, "r") as stream:
                return {name: _table(stream[name]) for name in dataset.ALL_SPLITS}
        except Exception as error:
            reason = " ".join(str(error).split())
            raise errors.Damaged(
                "The archive's BSDS300.hdf5 has tables train, validation and test",
                received=f"{file} ({reason[:200]})",
                do="Unpack the archive again",
            ) from error


def _table(found: h5py.Dataset) -> np.ndarray:
    """Returns a table of floats, unless it promises more than the file has."""
    if not isinstance(found, h5py.Dataset) or found.is_virtual or found.external:
        raise ValueError("no table of its own")
    if found.ndim != 2 or found.dtype.kind != "f" or not all(found.shape):
        raise ValueError(f"{found.dtype} {found.shape}")
    if found.nbytes > found.id.get_storage_size() * 1100:
        raise ValueError("a table that promises more bytes than it can hold")
    return found[:]
