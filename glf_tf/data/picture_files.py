# SPDX-License-Identifier: Apache-2.0
"""Picture files: finds them, splits them and reads their pixels."""

__all__ = [
    "Report",
    "Survey",
    "hashed",
    "is_held_out",
    "is_picture",
    "listed",
    "load",
    "survey",
]

import collections
import contextlib
import dataclasses
import functools
import hashlib
import json
import os
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from absl import logging

from glf_tf import errors
from glf_tf import files as files_lib
from glf_tf.data import cache, decoding, pictures
from glf_tf.data import paths as paths_lib

Report = decoding.Report

_NAMED = 5
_SYSTEM = {"__MACOSX", "Thumbs.db", "desktop.ini"}


@dataclasses.dataclass
class Survey:
    """The files in a folder and its subfolders.

    Attributes:
        files: Everything with a picture's suffix, sorted by path. Folders, pipes,
            dangling links and unreadable folders are included, so that decoding reports
            them instead of passing over them silently.
        others: Number of other files by suffix.
        loops: Links to folders that are already read, which are not followed.
    """

    files: list[pathlib.Path] = dataclasses.field(default_factory=list)
    others: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    loops: list[pathlib.Path] = dataclasses.field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"{len(self.files)} pictures"]
        if self.others:
            kinds = [
                f"{n} {kind or 'without'}" for kind, n in self.others.most_common()
            ]
            lines.append(f"{self.others.total()} other files left out by suffix: ")
            lines[-1] += ", ".join(kinds[:_NAMED] + ["..."] * (len(kinds) > _NAMED))
        if self.loops:
            shown = ", ".join(str(link) for link in self.loops[:_NAMED])
            lines.append(f"links to folders that are already read: {shown}")
        return errors.printable("; ".join(lines))


def listed(folder: pathlib.Path) -> list[pathlib.Path]:
    """Returns the picture files in a folder and its subfolders, sorted by path.

    Warns of what is left out; see `survey`.
    """
    found = survey(folder)
    if found.others or found.loops:
        logging.warning("%s: %s", errors.printable(folder), found)
    return found.files


def survey(folder: pathlib.Path) -> Survey:
    """Searches a folder and its subfolders, including linked folders.

    A file is a picture if it has a picture's suffix. Hidden files and folders are
    ignored: some systems add files such as `._photo.jpg` or `__MACOSX/`.
    """
    found, seen, links = Survey(), set(), [folder] if folder.is_dir() else []
    while links:
        link = links.pop(0)
        if os.path.realpath(link) in seen:
            found.loops.append(link)
        else:
            links += _walk(link, found, seen)
    found.files.sort(key=lambda file: file.relative_to(folder).as_posix())
    return found


def _walk(top: pathlib.Path, found: Survey, seen: set[str]) -> list[pathlib.Path]:
    """Adds the content of a folder, and returns the links to folders in it.

    Links are followed last, so that a picture is listed under its real path.
    """
    links = []
    broken = []
    for place, folders, names in os.walk(top, onerror=broken.append):
        here = pathlib.Path(place)
        if os.path.realpath(here) in seen:
            folders.clear()
            continue
        seen.add(os.path.realpath(here))
        shown = [here / name for name in sorted(folders) if not _is_hidden(name)]
        links += [path for path in shown if path.is_symlink()]
        found.files += [path for path in shown if is_picture(path)]
        folders[:] = [path.name for path in shown if not is_picture(path)]
        for path in (here / name for name in names if not _is_hidden(name)):
            if is_picture(path) or _is_lost(path):
                found.files.append(path)
            else:
                found.others[path.suffix.lower()] += 1
    found.files += [pathlib.Path(error.filename) for error in broken]
    return [link for link in links if not is_picture(link)]


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in _SYSTEM


def _is_lost(path: pathlib.Path) -> bool:
    """Returns whether a dangling link pointed to a folder, as on an unmounted disk."""
    return not path.suffix and os.path.islink(path) and not os.path.exists(path)


def is_picture(path: pathlib.Path) -> bool:
    """Returns whether a path has the suffix of a picture."""
    return path.suffix.lower() in pictures.suffixes()


def is_held_out(name: str, *, fraction: float) -> bool:
    """Returns whether the picture with a name belongs to the test split.

    The answer depends on the name alone, through a hash: adding or removing pictures
    does not move others between the splits.

    Args:
        name: What identifies the picture, such as its path below its folder.
        fraction: The expected fraction of test pictures, in [0, 1].
    """
    return hashed(name) < fraction


def hashed(name: str) -> float:
    """Returns a number in [0, 1) that depends on the name of a picture alone."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
    # 53 bits, so that the float cannot be rounded up to 1.
    return (int.from_bytes(digest[:8], "big") >> 11) / 2.0**53


def load(
    files: Sequence[pathlib.Path],
    *,
    root: pathlib.Path,
    key: Mapping[str, Any],
    paths: paths_lib.DataPaths,
    on_broken: decoding.OnBroken = "refuse",
    flag: str = "",
    is_doubled: bool = False,
    **options: Any,
) -> tuple[np.ndarray, Report]:
    """Returns the pixels of picture files, decoded once and then cached.

    Args:
        files: The files, in the order of the result.
        root: A folder that holds them all.
        key: `dataset` and `split`.
        paths: Paths with the cache.
        on_broken: "refuse" or "skip"; see `decoding.chunks`.
        flag: The flag that sets `on_broken`, for advice.
        is_doubled: Whether each image is followed by its mirror image.
        **options: `size`, `channels` and others, as `pictures.square` takes them.

    Returns:
        images: uint8 `[at most len(files), size, size, channels]`, or twice as many.
        report: The report on the files, also if the images come from the cache.

    Raises:
        Damaged: Files are broken; all of them are named.
        FileNotFoundError: A file does not exist.
    """
    # The folder is part of the key: files in two folders may agree in name and size.
    source = [str(root.resolve()), cache.fingerprint(files, root=root), on_broken]
    key = {**key, **options, "is_doubled": is_doubled, "source": source}
    report = Report()

    def chunks() -> Iterator[np.ndarray]:
        return decoding.chunks(
            files,
            functools.partial(pictures.square, **options),
            name=key["dataset"],
            total=len(files),
            on_broken=on_broken,
            flag=flag,
            report=report,
        )

    images = cache.images(
        key,
        cache_dir=paths.cache_dir,
        image_shape=(options["size"], options["size"], options.get("channels", 3)),
        chunks=lambda: map(_doubled, chunks()) if is_doubled else chunks(),
    )
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    kept = paths.cache_dir / f"{key['dataset']}-{key['split']}-{digest[:16]}.json"
    _complete(report, kept=kept, decode=chunks)
    return images, report


def _complete(
    report: Report, *, kept: pathlib.Path, decode: Callable[[], Iterator[np.ndarray]]
) -> None:
    """Keeps the report of what was decoded, or recalls it where nothing had to be."""
    if not report.used and _recall(kept, report):
        return
    if not report.used:  # somebody removed the report and left the images
        for _ in decode():
            pass
    # Where the cache has become read-only, the report is made anew each time.
    with contextlib.suppress(OSError):
        files_lib.write(kept, json.dumps(report.record))


def _doubled(images: np.ndarray) -> np.ndarray:
    """Returns each image, followed by its mirror image."""
    both = np.stack([images, images[:, :, ::-1]], axis=1)
    return both.reshape(-1, *images.shape[1:])


def _recall(kept: pathlib.Path, report: Report) -> bool:
    """Fills a report from a file; returns whether it could be read."""
    try:
        found = json.loads(kept.read_text(encoding="utf-8"))
        used = [int(index) for index in found["used"]]
        broken = [str(line) for line in found["broken"]]
        notes = {str(note): int(count) for note, count in found["notes"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
    report.used, report.broken = used, broken
    report.notes.update(notes)
    return bool(used)
