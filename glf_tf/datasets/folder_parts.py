# SPDX-License-Identifier: Apache-2.0
"""Splits a folder's pictures into training and test, and finds their classes."""

__all__ = ["Parts", "found"]

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np

from glf_tf import errors
from glf_tf.data import picture_files

_NAMES = {
    "train": ("train", "training"),
    "test": ("test", "testing"),
    "validation": ("val", "valid", "validation"),
}


@dataclasses.dataclass(frozen=True)
class Parts:
    """The pictures of both splits.

    Attributes:
        roots: The folder of each split's pictures.
        files: Each split's pictures, sorted by path.
        classes: The names of the classes, sorted; () where folders are no classes.
        notes: Lines on what was found and left out.
    """

    roots: dict[str, pathlib.Path]
    files: dict[str, list[pathlib.Path]]
    classes: tuple[str, ...]
    notes: tuple[str, ...]

    def labels(self, split: str) -> np.ndarray | None:
        """Returns the class of each picture, int64 `[size]`; None without classes."""
        if not self.classes:
            return None
        numbers = {name: number for number, name in enumerate(self.classes)}
        chosen = [numbers[file.parent.name] for file in self.files[split]]
        return np.array(chosen, np.int64)


def found(root: pathlib.Path, *, test_fraction: float) -> Parts:
    """Returns the splits and classes of a folder.

    Folders such as `train` and `test` are the splits, in any case; if there is none for
    testing, one for validation is used. Without both, a hash of a picture's path
    determines its split. If all pictures are in two or more folders exactly one level
    deep, these folders are classes.

    Raises:
        InvalidValue: Two folders are named as the same split.
    """
    everything = picture_files.survey(root)
    roots, notes = _split_folders(root)
    if roots:
        files = {
            split: picture_files.survey(place).files for split, place in roots.items()
        }
        outside = len(everything.files) - sum(map(len, files.values()))
        if outside:
            notes.append(f"{outside} pictures outside of these folders are left out")
    else:
        roots = {"train": root, "test": root}
        files = _divided(everything.files, root=root, test_fraction=test_fraction)
    classes = _classes(roots, files)
    if classes:
        notes.append(f"{len(classes)} folders are classes: {_some(classes)}")
    return Parts(roots, files, classes, (str(everything), *notes))


def _split_folders(root: pathlib.Path) -> tuple[dict[str, pathlib.Path], list[str]]:
    """Returns the folders of the splits, none if one is missing, and notes."""
    by_role = {}
    for place in sorted(root.glob("*")):
        for role, names in _NAMES.items():
            if place.name.lower() in names and place.is_dir():
                by_role.setdefault(role, []).append(place)
    serving = "test" if "test" in by_role else "validation"
    if "train" not in by_role or serving not in by_role:
        return {}, []
    for role in ("train", serving):
        if len(by_role[role]) > 1:
            raise errors.InvalidValue(
                f"At most one folder may be the {role} split",
                received=f"{_some([place.name for place in by_role[role]])} in {root}",
                do="Rename one of them, or merge them",
            )
    train, test = by_role["train"][0], by_role[serving][0]
    notes = [f"splits are the folders {train.name} and {test.name}"]
    if serving == "test" and "validation" in by_role:
        notes.append(f"the folder {by_role['validation'][0].name} is left out")
    return {"train": train, "test": test}, notes


def _divided(
    files: list[pathlib.Path], *, root: pathlib.Path, test_fraction: float
) -> dict[str, list[pathlib.Path]]:
    """Returns the pictures by split; each split gets one if there are two or more."""
    numbers = {
        file: picture_files.hashed(file.relative_to(root).as_posix()) for file in files
    }
    held_out = {file for file in files if numbers[file] < test_fraction}
    if len(files) > 1 and test_fraction and not held_out:
        held_out = {min(files, key=numbers.get)}
    if files and len(held_out) == len(files):
        held_out.remove(max(files, key=numbers.get))
    return {
        "train": [file for file in files if file not in held_out],
        "test": [file for file in files if file in held_out],
    }


def _classes(roots: dict, files: dict) -> tuple[str, ...]:
    """Returns the names of the classes, () if the folders are not classes."""
    depths, names = set(), set()
    for split, place in roots.items():
        for file in files[split]:
            parts = file.relative_to(place).parts
            depths.add(len(parts))
            names.add(parts[0])
    return tuple(sorted(names)) if depths == {2} and len(names) > 1 else ()


def _some(names: Sequence[str], *, most: int = 5) -> str:
    return ", ".join([*names[:most], *(["..."] if len(names) > most else [])])
