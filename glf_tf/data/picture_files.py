# SPDX-License-Identifier: Apache-2.0
"""Picture files on a disk: which there are, which are held out, and their pixels."""

__all__ = ["listed", "is_held_out", "load"]

import functools
import hashlib
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from glf_tf.data import cache, dataset, decoding, pictures


def listed(folder: pathlib.Path) -> list[pathlib.Path]:
    """Returns the picture files in a folder and the folders in it, sorted by path.

    A file is a picture if its suffix says so. Hidden files and folders are left out:
    some systems put files such as `._photo.jpg` beside each picture.
    """
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [
            pathlib.Path(place, name)
            for name in names
            if not name.startswith(".")
            and pathlib.PurePath(name).suffix.lower() in pictures.suffixes()
        ]
    return sorted(found, key=lambda file: file.relative_to(folder).as_posix())


def is_held_out(name: str, *, fraction: float) -> bool:
    """Returns whether the picture of that name belongs to the test part.

    The answer depends on the name alone, through a hash: adding or removing pictures
    moves no other from one part to the other.

    Args:
        name: What identifies the picture, such as its path below its folder.
        fraction: The expected size of the test part, in [0, 1].
    """
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") < fraction * 2.0**64


def load(
    files: Sequence[pathlib.Path],
    *,
    root: pathlib.Path,
    key: Mapping[str, Any],
    places: dataset.Places,
    on_broken: decoding.OnBroken = "refuse",
    flag: str = "",
    **options: Any,
) -> np.ndarray:
    """Returns the pixels of picture files, decoded once and then cached.

    Args:
        files: The files, in the order of the result.
        root: A folder that holds them all.
        key: `dataset` and `split`.
        places: Where the cache is.
        on_broken: What to do with broken files; see `decoding.chunks`.
        flag: The flag that says so, for advice.
        **options: `size`, `channels` and others, as `pictures.square` takes them.

    Returns:
        images: uint8 `[at most len(files), size, size, channels]`.

    Raises:
        Damaged: Files are broken; all of them are named.
        FileNotFoundError: A file is not there.
    """
    # The folder itself is part of the key: two folders may hold twins by name and size.
    source = [str(root.resolve()), cache.fingerprint(files, root=root), on_broken]
    return cache.images(
        {**key, **options, "source": source},
        cache_dir=places.cache_dir,
        image_shape=(options["size"], options["size"], options.get("channels", 3)),
        chunks=lambda: decoding.chunks(
            files,
            functools.partial(pictures.square, **options),
            name=key["dataset"],
            total=len(files),
            on_broken=on_broken,
            flag=flag,
        ),
    )
