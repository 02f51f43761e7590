# SPDX-License-Identifier: Apache-2.0
"""Finds and reads the weights of VGG16, in several formats.

imagenet      Keras' file, from its cache or else downloaded there once
*.h5          that file, or one that Keras 2 or Keras 3 saved of `VGG16`
*.npz         torchvision's `vgg16().features.state_dict()` as NumPy arrays
random	drawn; always the same
"""

__all__ = ["FILE_NAME", "URL", "check_name", "read"]

import hashlib
import http.client
import os
import pathlib
import shutil
import urllib.request
import zipfile
from collections.abc import Mapping

import h5py
import numpy as np
from absl import logging

from glf_tf import errors, files

FILE_NAME = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
URL = "https://storage.googleapis.com/tensorflow/keras-applications/vgg16/" + FILE_NAME
_MD5 = "6d6bbae143d832006294945121d1f1fc"
_TIMEOUT_SECONDS = 10
_SUFFIXES = (".h5", ".npz")

Shapes = Mapping[str, tuple[int, ...]]
Arrays = dict[str, tuple[np.ndarray, np.ndarray]]


def check_name(weights: str) -> None:
    """Checks `weights` without reading them.

    Raises:
        InvalidValue: They are neither a known name nor the path of a file.
    """
    if weights in ("imagenet", "random"):
        return
    if pathlib.PurePath(weights).suffix not in _SUFFIXES:
        raise errors.InvalidValue(
            "The weights of VGG16 are imagenet, random, or a file .h5 or .npz",
            received=f"weights={weights!r}",
            do=f"Use imagenet, or the path of {FILE_NAME}",
        )


def read(weights: str, *, shapes: Shapes) -> Arrays:
    """Returns `{layer: (kernel, bias)}`, float32.

    Args:
        weights: "imagenet", "random" or a path; see the module.
        shapes: The kernel shape of each convolution to read, in the network's order;
            kernels are `[height, width, in, out]`.

    Raises:
        NotFound: The file does not exist and cannot be downloaded.
        InvalidValue: The file is damaged, or of another network.
    """
    if weights == "random":
        return _random(shapes)
    path = _keras_file() if weights == "imagenet" else pathlib.Path(weights)
    path = path.expanduser()
    if not path.is_file():
        raise errors.NotFound(
            "The weights of VGG16 must be a file",
            received=f"nothing at {path}",
            do=f"Download {URL} to it, or use --reconstruction.weights=imagenet",
        )
    try:
        read_file = _read_npz if path.suffix == ".npz" else _read_h5
        arrays = read_file(path, names=tuple(shapes))
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise _not_vgg16(path, received=f"bytes that do not parse: {error}") from error
    _check(arrays, shapes=shapes, path=path)
    return arrays


def _random(shapes: Shapes) -> Arrays:
    """Draws weights that keep the scale of their inputs (He et al., 2015)."""
    generator = np.random.default_rng(0)
    arrays = {}
    for name, shape in shapes.items():
        scale = np.sqrt(2.0 / np.prod(shape[:3]))
        kernel = generator.normal(scale=scale, size=shape)
        bias = generator.normal(scale=0.1, size=shape[3:])
        arrays[name] = kernel.astype(np.float32), bias.astype(np.float32)
    return arrays


def _read_h5(path: pathlib.Path, *, names: tuple[str, ...]) -> Arrays:
    found = {}

    def visit(place, item):
        name = pathlib.PurePosixPath(place).name
        if "weight_names" in item.attrs:  # as Keras 2 saves a layer
            found[name] = [item[name] for name in item.attrs["weight_names"]]
        elif name == "vars" and "name" in item.attrs:  # as Keras 3 does
            found[item.attrs["name"]] = [item[key] for key in sorted(item)]

    with h5py.File(path) as file:
        file.visititems(visit)
        return {
            name: tuple(np.asarray(array, np.float32) for array in found[name])
            for name in names
            if len(found.get(name, ())) == 2
        }


def _read_npz(path: pathlib.Path, *, names: tuple[str, ...]) -> Arrays:
    arrays = {}
    with np.load(path) as file:
        for order, name in enumerate(names):
            # Each convolution is followed by a ReLU, each block by a maximum.
            number = 2 * order + int(name[len("block")]) - 1
            if {f"{number}.weight", f"{number}.bias"} <= set(file):
                kernel = np.asarray(file[f"{number}.weight"], np.float32)
                bias = np.asarray(file[f"{number}.bias"], np.float32)
                arrays[name] = kernel.transpose(2, 3, 1, 0), bias
    return arrays


def _check(arrays: Arrays, *, shapes: Shapes, path: pathlib.Path) -> None:
    missing = [name for name in shapes if name not in arrays]
    if missing:
        raise _not_vgg16(path, received=f"no {', '.join(missing)}")
    for name, shape in shapes.items():
        found = tuple(array.shape for array in arrays[name])
        if found != (shape, shape[3:]):
            raise _not_vgg16(path, received=f"{name} of shapes {found}")


def _not_vgg16(path: pathlib.Path, *, received: str) -> errors.InvalidValue:
    return errors.InvalidValue(
        "The weights must be those of the convolutions of VGG16",
        received=f"{path} with {received}",
        do=f"Download {URL}; the file may be truncated",
    )


def _keras_file() -> pathlib.Path:
    """Returns the file in Keras' cache, after downloading it if necessary."""
    home = os.environ.get("KERAS_HOME") or "~/.keras"
    path = pathlib.Path(home).expanduser() / "models" / FILE_NAME
    if not path.exists():
        _download(path)
    elif _md5(path) != _MD5:
        raise errors.InvalidValue(
            "The weights of VGG16 must be the file that Keras publishes",
            received=f"{path}, whose MD5 is not {_MD5}",
            do="Delete it, so that it is downloaded again, or pass the path of a copy",
        )
    return path


def _download(path: pathlib.Path) -> None:
    """Downloads without retries, with a timeout, unlike Keras' own function."""
    logging.info("Downloading %s (59 MB) to %s.", URL, path.parent)
    try:
        with (
            urllib.request.urlopen(URL, timeout=_TIMEOUT_SECONDS) as response,
            files.replacing(path) as stream,
        ):
            shutil.copyfileobj(response, stream)
            stream.seek(0)
            if hashlib.file_digest(stream, "md5").hexdigest() != _MD5:
                raise OSError("the MD5 of the download differs from that of the file")
    except errors.UserError:
        raise
    except (OSError, http.client.HTTPException) as error:
        raise errors.NotFound(
            "The weights of VGG16 must be available for download",
            received=f"{URL}: {error}",
            do=f"Download it on another machine to {path}, or pass its path "
            "as --reconstruction.weights=PATH",
        ) from error


def _md5(path: pathlib.Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
