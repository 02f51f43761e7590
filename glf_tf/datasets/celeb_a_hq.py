# SPDX-License-Identifier: Apache-2.0
"""CelebA-HQ: 30,000 faces in high resolution.

Karras, Aila, Laine, Lehtinen, "Progressive Growing of GANs for Improved Quality,
Stability, and Variation", ICLR 2018. https://arxiv.org/abs/1710.10196
"""

__all__ = ["CelebAHq"]

import functools
import pathlib

from glf_tf import errors
from glf_tf.data import image_set, picture_files
from glf_tf.data import paths as paths_lib
from glf_tf.datasets import dataset, sources, tfds_pictures

_FOLDERS = ("celeb_a_hq", "celeba_hq", "celeba-hq", "CelebA-HQ")
_TEST_FRACTION = 0.1
_SMALLEST, _LARGEST = 256, 1024


class CelebAHq(dataset.AbstractDataset):
    """CelebA-HQ: about 27,000 and 3,000 faces, resized from up to 1024x1024 pixels.

    The set has one split only. The test split is ours: a hash of a picture's name,
    without its suffix, holds out about a tenth, the same for all sources.

    Args:
        paths: Searched for a folder `data_dir/celeb_a_hq` of pictures, then TFDS,
            whose builder needs the manual download that its documentation describes.
        size: Height and width of the images, in pixels, at most 1024.
    """

    def __init__(self, paths: paths_lib.DataPaths, *, size: int = 256):
        super().__init__(paths)
        if not 1 <= size <= _LARGEST:
            raise errors.InvalidValue(
                f"`size` must lie between 1 and {_LARGEST}",
                received=f"size={size}",
                do="Pass for instance --dataset.size=256",
            )
        self.size = size

    def load(self, split: dataset.Split) -> image_set.ImageSet:
        """Returns one split: images uint8 `[size, size, size, 3]`; no labels."""
        dataset.check_split(split)
        # Not `data_dir` itself: any folder of pictures there would be taken for this
        # set.
        folders = self.paths.folders(*_FOLDERS)[:-1]
        candidates = [
            sources.Source(
                f"{folder} (pictures)",
                functools.partial(self._from_files, split, folder),
            )
            for folder in folders
        ]
        candidates += tfds_pictures.sources_of(
            "celeb_a_hq",
            builder=f"celeb_a_hq/{_resolution(self.size)}",
            split=split,
            tfds_split="train",
            paths=self.paths,
            keep=functools.partial(_is_in, split),
            size=self.size,
        )
        return sources.first(
            "celeb_a_hq",
            candidates,
            do="Put the pictures in FOLDER/celeb_a_hq and pass --data_dir=FOLDER, or "
            "prepare the builder celeb_a_hq of TFDS from a manual download",
        )

    def _from_files(
        self, split: dataset.Split, folder: pathlib.Path
    ) -> image_set.ImageSet | None:
        files = picture_files.listed(folder)
        if not files:
            return None
        images, _ = picture_files.load(
            [file for file in files if _is_in(split, file.name)],
            root=folder,
            key={"dataset": "celeb_a_hq", "split": split},
            paths=self.paths,
            size=self.size,
        )
        return image_set.ImageSet("celeb_a_hq", split, images, None, str(folder))


def _is_in(split: dataset.Split, name: str) -> bool:
    stem = pathlib.PurePath(name).stem
    is_test = picture_files.is_held_out(stem, fraction=_TEST_FRACTION)
    return is_test == (split == "test")


def _resolution(size: int) -> int:
    """Returns the resolution of TFDS to start from: 256, 512 or 1024."""
    return max(_SMALLEST, 1 << (size - 1).bit_length())
