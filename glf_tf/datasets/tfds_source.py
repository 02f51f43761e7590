# SPDX-License-Identifier: Apache-2.0
"""TensorFlow Datasets as a source: prepared folders, and downloads only on request.

Without a network, TFDS silently retries a download for more than three minutes. Hence
nothing is downloaded unless `paths.download` is set, and the connection is tried first.
"""

__all__ = ["sources_of", "as_sources", "prepared", "examples"]

import contextlib
import functools
import importlib.util
import os
import pathlib
import socket
from collections.abc import Callable, Collection, Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from absl import logging

from glf_tf import errors
from glf_tf.data import image_set
from glf_tf.data import paths as paths_lib
from glf_tf.datasets import dataset, sources

_PROBE = ("storage.googleapis.com", 443)
_PROBE_TIMEOUT_S = 3.0


def sources_of(
    name: str, split: dataset.Split, *, paths: paths_lib.DataPaths
) -> list[sources.Source]:
    """Returns the TFDS sources of a labelled set, in the order to try.

    Args:
        name: The name of the data set and its TFDS builder.
        split: "train" or "test".
        paths: Searches `data_dir`, then TFDS' own folder.
    """

    def load(folder: pathlib.Path, *, download: bool) -> image_set.ImageSet | None:
        builder = prepared(name, folder=folder, download=download)
        return None if builder is None else _labelled(name, split, builder=builder)

    return as_sources(name, load, paths=paths)


def as_sources(
    name: str,
    load: Callable[..., image_set.ImageSet | None],
    *,
    paths: paths_lib.DataPaths,
) -> list[sources.Source]:
    """Returns one source per TFDS folder; the last may download.

    Args:
        name: The TFDS builder, such as "mnist" or "celeb_a_hq/256".
        load: A function of (folder, *, download), like `prepared`, that returns the
            split or None.
        paths: Folders to search.
    """
    own = os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")
    folders = [pathlib.Path(own).expanduser()]
    if paths.data_dir is not None:
        folders.insert(0, paths.data_dir)
    result = [
        sources.Source(
            f"{folder / name} (TFDS)", functools.partial(load, folder, download=False)
        )
        for folder in folders
    ]
    if paths.download:
        # Only after every folder was searched: an existing set is not downloaded.
        load = functools.partial(load, folders[0], download=True)
        result.append(sources.Source(f"a download to {folders[0]}", load))
    return result


def prepared(name: str, *, folder: pathlib.Path, download: bool) -> Any | None:
    """Returns the TFDS builder of a set prepared in `folder`, or None.

    Args:
        name: The builder, such as "mnist" or "celeb_a_hq/256".
        folder: The TFDS data folder.
        download: Whether to download and prepare a missing set.

    Raises:
        NotFound: There is no connection, the download failed, or TFDS is not installed
            although the set is prepared or to be downloaded.
    """
    if importlib.util.find_spec("tensorflow_datasets") is None:
        if download or (folder / name).is_dir():
            raise _not_installed(name, folder=folder)
        return None
    # Imported here, as importing TFDS takes a third of a second.
    import tensorflow_datasets as tfds

    builder = tfds.builder(name, data_dir=folder)
    if (pathlib.Path(builder.data_path) / "dataset_info.json").is_file():
        return builder
    if not download:
        return None
    _check_connection(name)
    try:
        builder.download_and_prepare()
    except (OSError, AssertionError, tfds.download.DownloadError) as error:
        raise errors.NotFound(
            f"TFDS must be able to download {name}",
            received=" ".join(str(error).split()),
            do=f"Prepare it elsewhere and copy it to {builder.data_path}",
        ) from error
    return builder


def _not_installed(name: str, *, folder: pathlib.Path) -> errors.NotFound:
    return errors.NotFound(
        f"TensorFlow Datasets must be installed to read or prepare {folder / name}",
        received="no package tensorflow_datasets, which the extra tfds brings",
        do="Run pip install 'glf_tf[tfds]'",
    )


def examples(
    builder: Any, split: str, features: Collection[str], *, decode_images: bool = True
) -> Iterator[dict[str, Any]]:
    """Yields a prepared split's examples as NumPy values, in a fixed order.

    Args:
        builder: What `prepared` returned.
        split: A split of TFDS.
        features: The features to read; others would only cost time.
        decode_images: Whether `image` is decoded to uint8 pixels; encoded bytes
            otherwise.

    Raises:
        InvalidValue: The set's files are damaged.
    """
    import tensorflow_datasets as tfds

    decoders = tfds.decode.PartialDecoding(
        dict.fromkeys(features, True),
        decoders=None if decode_images else {"image": tfds.decode.SkipDecoding()},
    )
    try:
        with _quiet():
            data = builder.as_dataset(
                split=split, decoders=decoders, shuffle_files=False
            )
        yield from tfds.as_numpy(data)
    except (tf.errors.OpError, OSError, ValueError, AssertionError) as error:
        raise _damaged(builder, split, str(error)) from error


def _labelled(name: str, split: dataset.Split, *, builder: Any) -> image_set.ImageSet:
    """Returns a split of a small set as arrays."""
    size = builder.info.splits[split].num_examples
    images = np.empty((size, *builder.info.features["image"].shape), np.uint8)
    labels = np.empty((size,), np.int64)
    for index, example in enumerate(examples(builder, split, ("image", "label"))):
        images[index], labels[index] = example["image"], example["label"]
    source = str(builder.data_path)
    return image_set.ImageSet(name, split, images, labels, source)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hides TFDS' warnings about its own use of deprecated names."""
    before = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(before)


def _damaged(builder: Any, split: str, found: str) -> errors.InvalidValue:
    found = " ".join(found.split())
    return errors.InvalidValue(
        "A data set prepared by TFDS must be complete",
        received=f"{builder.data_path}, split {split}: {found}",
        do="Remove the folder and prepare it again",
    )


def _check_connection(name: str) -> None:
    try:
        socket.create_connection(_PROBE, _PROBE_TIMEOUT_S).close()
    except OSError as error:
        raise errors.NotFound(
            f"A download of {name} needs a connection to the internet",
            received=f"--download, and {_PROBE[0]} cannot be reached ({error})",
            do="Run once without --download to see which folders are searched, and "
            "put them there",
        ) from error
