# SPDX-License-Identifier: Apache-2.0
"""Sets of large pictures from TFDS, decoded by our own code and cached.

TFDS provides the original encoded pictures; they are decoded, cropped and resized like
picture files, so that both sources give the same pixels.
"""

__all__ = ["sources_of"]

import functools
import hashlib
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

from glf_tf.data import cache, decoding, image_set, pictures
from glf_tf.data import paths as paths_lib
from glf_tf.datasets import dataset, sources, tfds_source

_NAME = "image/filename"


def sources_of(
    name: str,
    *,
    builder: str,
    split: dataset.Split,
    tfds_split: str,
    paths: paths_lib.DataPaths,
    keep: Callable[[str], bool] | None = None,
    **options: Any,
) -> list[sources.Source]:
    """Returns the TFDS sources of the set, in the order to try.

    Args:
        name: The data set's name.
        builder: The TFDS builder, such as "celeb_a_hq/256".
        split: "train" or "test".
        tfds_split: The corresponding split of TFDS.
        paths: Folders to search, and the cache.
        keep: Returns whether the picture with a file name belongs to `split`; None
            keeps all.
        **options: `size`, `channels` and `crop`, as `pictures.square` takes them.
    """

    def load(folder: pathlib.Path, *, download: bool) -> image_set.ImageSet | None:
        found = tfds_source.prepared(builder, folder=folder, download=download)
        if found is None:
            return None
        images = cache.images(
            {"dataset": name, "split": split, "source": _fingerprint(found), **options},
            cache_dir=paths.cache_dir,
            image_shape=(options["size"], options["size"], options.get("channels", 3)),
            chunks=lambda: decoding.chunks(
                _encoded(found, tfds_split, keep=keep),
                functools.partial(pictures.square, name=builder, **options),
                name=name,
            ),
        )
        source = str(found.data_path)
        return image_set.ImageSet(name, split, images, None, source)

    return tfds_source.as_sources(builder, load, paths=paths)


def _encoded(
    builder: Any, split: str, *, keep: Callable[[str], bool] | None
) -> Iterator[bytes]:
    features = ["image"] if keep is None else ["image", _NAME]
    for example in tfds_source.examples(builder, split, features, decode_images=False):
        if keep is None or keep(example[_NAME].decode()):
            yield example["image"]


def _fingerprint(builder: Any) -> str:
    """Returns a digest of TFDS' metadata of the set, with the sizes of all shards."""
    description = pathlib.Path(builder.data_path) / "dataset_info.json"
    sha = hashlib.sha256(str(builder.data_path).encode())
    sha.update(description.read_bytes())
    return sha.hexdigest()
