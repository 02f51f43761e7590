# SPDX-License-Identifier: Apache-2.0
"""Reads a user's own images: a folder of pictures, or an array."""

__all__ = ["UserImages", "read"]

import dataclasses
import functools
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from absl import logging

from glf_tf import errors, types
from glf_tf.data import arrays, decoding, picture_files, pictures, pixels

_BATCH = 256


@dataclasses.dataclass(frozen=True)
class UserImages:
    """A user's images.

    Attributes:
        images: `[size, height, width, channels]`, uint8, or floats in [0, 1] that are
            not multiples of 1 / 255.
        names: Name of each image, on one line.
    """

    images: np.ndarray
    names: list[str]

    def __len__(self) -> int:
        return len(self.images)


def read(
    path: pathlib.Path,
    *,
    image_shape: types.ImageShape,
    flag: str,
    resize: Mapping[str, Any] | None = None,
    background: tuple[int, int, int] = pictures.WHITE,
    on_broken: decoding.OnBroken = "refuse",
) -> UserImages:
    """Returns a user's images in the shape of a run's.

    Args:
        path: A picture, a folder of pictures, NAME.npy or NAME.npz.
        image_shape: (height, width, channels) of the run's images; arrays must have it.
        flag: The flag of the path, for messages.
        resize: Arguments of `pictures.square` other than size and channels; None if
            pictures must already have the size.
        background: Colour behind transparent pictures, without `resize`.
        on_broken: "skip" leaves broken pictures out, with a warning.

    Raises:
        NotFound: There is no such file or folder, or no picture in it.
        Damaged: A picture, or the array, cannot be read.
        InvalidValue: An array has another shape, or values outside of [0, 1].
    """
    path = pathlib.Path(os.path.expanduser(path))
    if path.is_dir() or (path.is_file() and not arrays.is_array(path)):
        decode = _decoder(image_shape, resize=resize, background=background)
        return _pictures(path, decode, flag=flag, on_broken=on_broken)
    if not path.is_file():
        raise _not_found(path, flag, f"which {_what_is(path)}")
    images = arrays.read(path)
    if images.shape[1:] != tuple(image_shape):
        raise errors.InvalidValue(
            "An array of images must have the shape of the run's data",
            received=f"{images.shape[1:]} in {path} for {tuple(image_shape)}",
            do=_fitting(images.shape, image_shape),
        )
    shown = errors.printable(path)
    names = [f"{shown} {index}" for index in range(len(images))]
    return UserImages(_bytes_where_exact(images, name=shown), names)


def _pictures(
    path: pathlib.Path,
    decode: Callable[[pathlib.Path], pictures.Picture],
    *,
    flag: str,
    on_broken: decoding.OnBroken,
) -> UserImages:
    folder = path if path.is_dir() else path.parent
    found = picture_files.Survey(files=[path])
    if path.is_dir():
        found = picture_files.survey(path)
    files = found.files
    if not files:
        raise _not_found(path, flag, f"with no picture in it ({found})")
    if found.others or found.loops:
        logging.warning("%s: %s", flag, found)
    report = decoding.Report()
    chunks = decoding.chunks(
        files,
        decode,
        name=errors.printable(path),
        total=len(files),
        on_broken=on_broken,
        flag="--on_broken" if path.is_dir() else "",  # without it nothing is left
        report=report,
    )
    images = np.concatenate(list(chunks))
    if report.resized:
        sized = "{}x{}".format(*images.shape[1:3])
        logging.warning("%s: %d pictures resized to %s", flag, report.resized, sized)
    used = [files[index].relative_to(folder).as_posix() for index in report.used]
    return UserImages(images, [errors.printable(name) for name in used])


def _what_is(path: pathlib.Path) -> str:
    """Returns what is wrong with a path that is no folder and no file."""
    if path.exists():
        return "is neither a file nor a folder"
    return "is a dangling link" if path.is_symlink() else "does not exist"


def _fitting(shape: tuple[int, ...], wanted: types.ImageShape) -> str:
    """Returns what makes images `[size, height, width, channels]` those of a shape."""
    if shape[:3] == tuple(wanted) and shape[3] == 1:
        return "One image is an array of one: images[None]"
    found = shape[1:]
    if found[:2] != tuple(wanted[:2]):
        return "Resize them, or pass a folder of pictures"
    if wanted[2] == 3:
        return "Repeat the grey channel: np.repeat(images, 3, axis=-1)"
    return "Make them grey, or pass a folder of pictures"


def _decoder(
    image_shape: types.ImageShape,
    *,
    resize: Mapping[str, Any] | None,
    background: tuple[int, int, int],
) -> Callable[[pathlib.Path], pictures.Picture]:
    height, width, channels = image_shape
    if resize is None:
        exact = {"image_shape": image_shape, "background": background}
        return functools.partial(_exact, **exact)
    if height != width:
        raise errors.Unsupported(
            "Pictures are made squares",
            received=f"images of {height}x{width}",
            do="Pass an array NAME.npy of that size",
        )
    return functools.partial(pictures.square, size=height, channels=channels, **resize)


def _exact(
    file: pathlib.Path,
    *,
    image_shape: types.ImageShape,
    background: tuple[int, int, int],
) -> pictures.Picture:
    how = {"channels": image_shape[2], "background": background}
    picture = pictures.decode(file, **how)
    if picture.pixels.shape != tuple(image_shape):
        found, wanted = picture.pixels.shape, image_shape
        raise errors.InvalidValue(
            "All pictures must have the size of the data's images",
            received=f"{file} ({found[0]}x{found[1]} for {wanted[0]}x{wanted[1]})",
            do="Convert them to that size",
        )
    return picture


def _bytes_where_exact(images: np.ndarray, *, name: str) -> np.ndarray:
    """Returns floats that are multiples of 1 / 255 as uint8, others as they are.

    So a picture has one score, whether it is given as bytes or as floats.
    """
    if images.dtype == np.uint8:
        return images
    found = np.empty(images.shape, np.uint8)
    slack = 255 * float(np.finfo(images.dtype).eps)
    is_exact = True
    # All batches are read, as `batches` refuses values outside of [0, 1].
    batches = pixels.batches(images, size=_BATCH, name=name)
    for start, unit in zip(range(0, len(images), _BATCH), batches, strict=True):
        scaled = unit.astype(np.float64) * 255
        found[start : start + len(unit)] = np.rint(scaled)
        is_exact &= bool(np.abs(scaled - np.rint(scaled)).max() <= max(slack, 1e-4))
    return found if is_exact else images


def _not_found(path: pathlib.Path, flag: str, found: str) -> errors.NotFound:
    return errors.NotFound(
        "Images are a picture, a folder of pictures, or an array NAME.npy or NAME.npz",
        received=f"{flag}={path}, {found}",
        do="Check the path",
    )
