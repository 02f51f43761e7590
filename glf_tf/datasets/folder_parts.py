# SPDX-License-Identifier: Apache-2.0
"""Splits a folder's pictures into training and test, and finds their classes."""

__all__ = ["Parts", "found"]

import dataclasses
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence

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
        """Returns the class of each picture, int64 `[size]`; None without classes.

        -1 for what is no file, such as a dangling link, which no picture comes of.
        """
        if not self.classes:
            return None
        numbers = {name: number for number, name in enumerate(self.classes)}
        chosen = [numbers.get(file.parent.name, -1) for file in self.files[split]]
        return np.array(chosen, np.int64)


def found(
    root: pathlib.Path,
    *,
    test_fraction: float,
    is_usable: Callable[[pathlib.Path], bool] = lambda _: True,
) -> Parts:
    """Returns the splits and classes of a folder.

    Folders such as `train` and `test` are the splits, in any case; if there is none for
    testing, one for validation is used. Without both, a hash of a picture's path
    determines its split. If all pictures are in two or more folders exactly one level
    deep, these folders are classes.

    Args:
        root: The folder.
        test_fraction: The fraction held out where there are no folders of splits.
        is_usable: Whether a picture counts as the one that each split needs.

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
        numbers = {
            file: picture_files.hashed(file.relative_to(root).as_posix())
            for file in everything.files
        }
        held_out = _held_out(numbers, fraction=test_fraction, is_usable=is_usable)
        files = {
            "train": [file for file in numbers if file not in held_out],
            "test": [file for file in numbers if file in held_out],
        }
    classes = _classes(roots, files)
    if classes:
        notes.append(f"{len(classes)} folders are classes: {_some(classes)}")
    return Parts(roots, files, classes, (str(everything), *notes))


def _split_folders(root: pathlib.Path) -> tuple[dict[str, pathlib.Path], list[str]]:
    """Returns the folders of the splits, none if one is missing, and notes."""
    by_role = {}
    for place in sorted(root.glob("*")):
        for role, names in _NAMES.items():
            if place.name.lower() in names and os.path.isdir(place):
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


def _held_out(
    numbers: Mapping[pathlib.Path, float],
    *,
    fraction: float,
    is_usable: Callable[[pathlib.Path], bool],
) -> set[pathlib.Path]:
    """Returns the test split; each split gets a usable picture if there are two."""
    held_out = {file for file, number in numbers.items() if number < fraction}
    if fraction and not any(map(is_usable, sorted(held_out))):
        left = sorted(numbers.keys() - held_out, key=numbers.get)
        usable = (file for file in left if is_usable(file))
        first, second = next(usable, None), next(usable, None)
        if second is not None:
            held_out.add(first)
    if numbers and len(held_out) == len(numbers):
        held_out.remove(max(numbers, key=numbers.get))
    return held_out


def _classes(roots: dict, files: dict) -> tuple[str, ...]:
    """Returns the names of the classes, () if the folders are not classes."""
    depths, names = set(), set()
    for split, place in roots.items():
        # What is broken or may not be looked at must not decide what the folders are.
        for file in filter(os.path.isfile, files[split]):
            parts = file.relative_to(place).parts
            depths.add(len(parts))
            names.add(parts[0])
    return tuple(sorted(names)) if depths == {2} and len(names) > 1 else ()


def _some(names: Sequence[str], *, most: int = 5) -> str:
    return ", ".join([*names[:most], *(["..."] if len(names) > most else [])])
