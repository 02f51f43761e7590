# SPDX-License-Identifier: Apache-2.0
"""A folder of the user's own pictures, of any sizes."""

__all__ = ["Folder"]

import functools
import pathlib
from typing import Literal

from glf_tf import errors
from glf_tf.data import dataset, image_set, picture_files


class Folder(dataset.AbstractDataset):
    """The pictures in `data_dir` and the folders in it: each one's centre, resized.

    Where there are folders `train` and `test` they are the splits. Otherwise a hash of
    its path decides to which of them a picture belongs. There are no labels.

    Args:
        places: Where to look: the pictures are in `data_dir`.
        size: Height and width of the images, in pixels.
        channels: 1 for grey, 3 for colour.
        on_broken: "refuse" stops at a file that cannot be read, "skip" leaves it out.
        test_fraction: The part that is held out for the test split, in [0, 1).
    """

    def __init__(
        self,
        places: dataset.Places,
        *,
        size: int = 64,
        channels: int = 3,
        on_broken: Literal["refuse", "skip"] = "refuse",
        test_fraction: float = 0.1,
    ):
        super().__init__(places)
        _check("`size` must be at least 1", size >= 1, f"size={size}", "64")
        known = channels in (1, 3)
        _check("`channels` must be 1 or 3", known, f"channels={channels}", "3")
        known = on_broken in ("refuse", "skip")
        _check(
            "`on_broken` must be refuse or skip",
            known,
            f"on_broken={on_broken}",
            "skip",
        )
        fits = 0 <= test_fraction < 1
        received = f"test_fraction={test_fraction}"
        _check("`test_fraction` must lie in [0, 1)", fits, received, "0.1")
        self.size, self.channels = size, channels
        self.on_broken, self.test_fraction = on_broken, test_fraction

    def load(self, split: dataset.Split) -> image_set.ImageSet:
        """Returns one split: images uint8 `[size, size, size, channels]`.

        Raises:
            NotFound: There are no pictures.
            InvalidValue: The split has no pictures.
            Damaged: Some of them are broken; all these are named.
        """
        dataset.check_split(split)
        root, files = self._files(split)
        if not files:
            raise errors.InvalidValue(
                f"The {split} split must have at least one picture",
                received=f"{root} and test_fraction={self.test_fraction}",
                do="Make folders train and test, or change --dataset.test_fraction",
            )
        images = picture_files.load(
            files,
            root=root,
            key={"dataset": "folder", "split": split},
            places=self.places,
            on_broken=self.on_broken,
            flag="--dataset.on_broken",
            size=self.size,
            channels=self.channels,
        )
        return image_set.ImageSet("folder", split, images, None, source=str(root))

    def _files(
        self, split: dataset.Split
    ) -> tuple[pathlib.Path | None, list[pathlib.Path]]:
        """Returns the folder of the split's pictures, and the pictures."""
        root = self.places.data_dir
        is_split = root and (root / "train").is_dir() and (root / "test").is_dir()
        root = root / split if is_split else root
        found = picture_files.listed(root) if root else []
        if not found:
            raise errors.NotFound(
                "The data set `folder` needs a folder with pictures",
                received=f"no pictures in {root}" if root else "no --data_dir",
                do="Pass --data_dir=FOLDER with .jpg, .png or other pictures in it",
            )
        if is_split:
            return root, found
        is_test = functools.partial(
            picture_files.is_held_out, fraction=self.test_fraction
        )
        names = {file: file.relative_to(root).as_posix() for file in found}
        return root, [f for f in found if is_test(names[f]) == (split == "test")]


def _check(rule: str, holds: bool, received: str, example: str) -> None:
    if not holds:
        option = received.partition("=")[0]
        raise errors.InvalidValue(
            rule,
            received=received,
            do=f"Pass for instance --dataset.{option}={example}",
        )
