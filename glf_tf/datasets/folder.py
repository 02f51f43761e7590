# SPDX-License-Identifier: Apache-2.0
"""A folder of the user's own pictures, of any size."""

__all__ = ["Folder"]

import pathlib
from typing import Literal

import numpy as np

from glf_tf import errors
from glf_tf.data import colours, duplicates, image_set, picture_files, pictures
from glf_tf.data import paths as paths_lib
from glf_tf.datasets import dataset, folder_parts


class Folder(dataset.AbstractDataset):
    """The pictures in `data_dir` and its subfolders, as squares of one size.

    Folders `train` and `test` (or `val`, `valid`, `validation`; in any case) are the
    splits. Otherwise a hash of a picture's path determines its split. If all pictures
    are in two or more folders exactly one level deep, these folders are classes;
    otherwise there are no labels.

    Args:
        paths: The pictures are in `data_dir`.
        size: Height and width of the images, in pixels.
        channels: 1 for grey, 3 for colour.
        fit: "crop" keeps a picture's centre; "pad" keeps all of it and adds background.
        crop: Height and width of the centre crop, in pixels; 0 for the shorter side of
            each picture.
        background: Colour, "white", #rrggbb or r,g,b, of the padding and behind
            transparent pictures.
        flips: Whether to add a horizontally flipped copy of each training picture.
        on_broken: "refuse" raises an error for unreadable files, "skip" leaves them
            out.
        test_fraction: The fraction held out for the test split, in [0, 1); at least one
            of two or more pictures, unless it is 0.
    """

    def __init__(
        self,
        paths: paths_lib.DataPaths,
        *,
        size: int = 64,
        channels: int = 3,
        fit: Literal["crop", "pad"] = "crop",
        crop: int = 0,
        background: str = "white",
        flips: bool = False,
        on_broken: Literal["refuse", "skip"] = "refuse",
        test_fraction: float = 0.1,
    ):
        super().__init__(paths)
        _check("`size` must be at least 1", size >= 1, f"size={size}", "64")
        known = channels in (1, 3)
        _check("`channels` must be 1 or 3", known, f"channels={channels}", "3")
        fits = crop >= 0 and (not crop or fit == "crop")
        received = f"crop={crop} and fit={fit}"
        _check("`crop` is a size, and for fit=crop alone", fits, received, "0")
        fits = 0 <= test_fraction < 1
        received = f"test_fraction={test_fraction}"
        _check("`test_fraction` must lie in [0, 1)", fits, received, "0.1")
        self.on_broken, self.test_fraction = on_broken, test_fraction
        self.flips = flips
        self._size, self._channels = size, channels
        self.squaring = {
            "fit": fit,
            "crop": crop or None,
            "background": colours.parse(background),
        }

    def load(self, split: dataset.Split) -> image_set.ImageSet:
        """Returns one split: images uint8 `[size, size, size, channels]`.

        Raises:
            NotFound: There are no pictures.
            InvalidValue: The split has no pictures.
            Damaged: Some pictures are broken; the message lists all of them.
        """
        dataset.check_split(split)
        return self._load(split)[0]

    def report(self) -> tuple[str, ...]:
        """Returns lines on the files found, used and left out, and on duplicates."""
        (train, trained), (test, tested) = self._load("train"), self._load("test")
        originals = train.images[::2] if self.flips else train.images
        return (
            f"pictures of {self.paths.data_dir}",
            *self._parts().notes,
            f"train: {trained}" + ("; each mirrored too" if self.flips else ""),
            f"test: {tested}",
            *duplicates.report(originals, test.images),
        )

    def _load(
        self, split: dataset.Split
    ) -> tuple[image_set.ImageSet, picture_files.Report]:
        parts = self._parts()
        root, found = parts.roots[split], parts.files[split]
        if not found:
            raise errors.InvalidValue(
                f"The {split} split must have at least one picture",
                received=f"{root} and test_fraction={self.test_fraction}",
                do="Make folders train and test, or change --dataset.test_fraction",
            )
        is_doubled = self.flips and split == "train"
        images, report = picture_files.load(
            found,
            root=root,
            # The classes do not affect the pixels; they are recorded in the key.
            key={"dataset": "folder", "split": split, "classes": parts.classes},
            paths=self.paths,
            on_broken=self.on_broken,
            flag="--dataset.on_broken",
            is_doubled=is_doubled,
            size=self._size,
            channels=self._channels,
            **self.squaring,
        )
        labels = parts.labels(split)
        if labels is not None:
            labels = np.repeat(labels[report.used], 2 if is_doubled else 1)
        made = image_set.ImageSet("folder", split, images, labels, source=str(root))
        return made, report

    def _parts(self) -> folder_parts.Parts:
        root = next(iter(self.paths.folders()), None)
        parts = root and folder_parts.found(
            root,
            test_fraction=self.test_fraction,
            is_usable=_is_readable if self.on_broken == "skip" else lambda _: True,
        )
        if not parts or not any(parts.files.values()):
            raise errors.NotFound(
                "The data set `folder` needs a folder with pictures",
                received=_described(root) if root else self.paths.received,
                do="Pass --data_dir=FOLDER with .jpg, .png or other pictures in it",
            )
        return parts


def _described(root: pathlib.Path) -> str:
    """Returns that a folder has no pictures, and what is in it."""
    return f"no pictures in {root} ({picture_files.survey(root)})"


def _is_readable(file: pathlib.Path) -> bool:
    try:
        pictures.decode(file)
    except errors.UserError:
        return False
    return True


def _check(rule: str, holds: bool, received: str, example: str) -> None:
    if not holds:
        option = received.partition("=")[0]
        raise errors.InvalidValue(
            rule,
            received=received,
            do=f"Pass for instance --dataset.{option}={example}",
        )
