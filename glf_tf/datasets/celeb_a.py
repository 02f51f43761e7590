# SPDX-License-Identifier: Apache-2.0
"""CelebA: 202,599 aligned photographs of faces.

Liu, Luo, Wang, Tang, "Deep Learning Face Attributes in the Wild", ICCV 2015.
https://arxiv.org/abs/1411.7766
"""

__all__ = ["CelebA"]

import functools
import pathlib

from glf_tf import errors
from glf_tf.data import image_set, picture_files
from glf_tf.data import paths as paths_lib
from glf_tf.datasets import dataset, sources, tfds_pictures

_FOLDERS = ("celeb_a", "celeba", "CelebA")
_IMAGES = ("img_align_celeba", "Img/img_align_celeba")
_PARTITIONS = ("list_eval_partition.txt", "Eval/list_eval_partition.txt")
_PART = {"train": "0", "test": "2"}
_WIDTH = 178


class CelebA(dataset.AbstractDataset):
    """CelebA: 162,770 and 19,962 faces, cropped from 178x218 pixels and resized.

    The 19,867 pictures of the validation split are in neither. Pictures of all sources
    are cropped and resized by the same code.

    Args:
        paths: Searched for the folder `img_align_celeba` and
            `list_eval_partition.txt` in `data_dir/celeb_a` or `data_dir`, then TFDS.
        crop: Height and width of the centre crop, at most 178 pixels.
        size: Height and width of the images, in pixels.
    """

    def __init__(self, paths: paths_lib.DataPaths, *, crop: int = 160, size: int = 64):
        super().__init__(paths)
        if not 1 <= crop <= _WIDTH or size < 1:
            raise errors.InvalidValue(
                f"`crop` must lie between 1 and {_WIDTH}, and `size` be at least 1",
                received=f"crop={crop}, size={size}",
                do="Pass for instance --dataset.crop=160 --dataset.size=64",
            )
        self.crop, self.size = crop, size

    def load(self, split: dataset.Split) -> image_set.ImageSet:
        """Returns one split: images uint8 `[size, size, size, 3]`; no labels."""
        dataset.check_split(split)
        candidates = [
            sources.Source(
                f"{folder} (img_align_celeba)",
                functools.partial(self._from_files, split, folder),
            )
            for folder in self.paths.folders(*_FOLDERS)
        ]
        candidates += tfds_pictures.sources_of(
            "celeb_a",
            builder="celeb_a",
            split=split,
            tfds_split=split,
            paths=self.paths,
            crop=self.crop,
            size=self.size,
        )
        return sources.first(
            "celeb_a",
            candidates,
            do="Put the folder img_align_celeba and list_eval_partition.txt in a "
            "folder and pass --data_dir=FOLDER, or pass --download on a connected "
            "machine",
        )

    def _from_files(
        self, split: dataset.Split, folder: pathlib.Path
    ) -> image_set.ImageSet | None:
        partition = _existing(folder, _PARTITIONS)
        root = _existing(folder, _IMAGES)
        if partition is None and root is None:
            return None
        if partition is None or root is None:
            absent = _IMAGES[0] if root is None else _PARTITIONS[0]
            raise sources.missing_file("celeb_a", folder / absent)
        try:
            images, _ = picture_files.load(
                [root / name for name in _names(partition, split)],
                root=root,
                key={"dataset": "celeb_a", "split": split},
                paths=self.paths,
                crop=self.crop,
                size=self.size,
            )
        except FileNotFoundError as error:
            file = pathlib.Path(error.filename)
            raise sources.missing_file("celeb_a", file) from error
        return image_set.ImageSet("celeb_a", split, images, None, source=str(root))


def _existing(folder: pathlib.Path, names: tuple[str, ...]) -> pathlib.Path | None:
    return next((folder / name for name in names if (folder / name).exists()), None)


def _names(partition: pathlib.Path, split: dataset.Split) -> list[str]:
    """Returns the names of a split's files: lines are such as `000001.jpg 0`."""
    lines = partition.read_text(encoding="utf-8", errors="replace").split("\n")
    rows = [line.split() for line in lines if line.strip()]
    for row in rows:
        is_name = len(row) == 2 and pathlib.PurePosixPath(row[0]).name == row[0]
        if not is_name or row[1] not in ("0", "1", "2"):
            raise errors.InvalidValue(
                "A line of the partition must be a file's name and 0, 1 or 2",
                received=f"{' '.join(row)!r} in {partition}",
                do="Download the file again",
            )
    names = [name for name, part in rows if part == _PART[split]]
    if not names:
        raise errors.InvalidValue(
            f"The partition must name pictures of the {split} part ({_PART[split]})",
            received=f"{partition} with {len(rows)} lines",
            do="Download the file again",
        )
    return names
