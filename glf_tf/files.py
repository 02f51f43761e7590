# SPDX-License-Identifier: Apache-2.0
"""The one door for writes and removals: nothing that is not ours is touched.

What is written is written aside, under a name that nobody else has and beside its
target, synced, and then renamed: a kill or a full disk leaves the old or the new, never
half of either. A link is never followed: where one stands in the place of a file or
folder of ours, the write is refused. A folder is replaced or removed only if it bears
our mark, `glf_tf.json`, and then only the files that the mark lists; what somebody put
beside them stays.

    with files.replacing(path) as stream:                   # a file of our own folder
        stream.write(data)

    with files.output(path, overwrite=False) as stream:     # a file that a user named;
        stream.write(measure())                             # opened before measuring

    with files.replacing_folder(path, kind="export") as aside:
        tf.saved_model.save(module, str(aside))
"""

__all__ = [
    "MARK",
    "check_folder",
    "check_no_link",
    "foreign",
    "is_aside",
    "make_folder",
    "marked",
    "output",
    "remove",
    "remove_listed",
    "replacing",
    "replacing_folder",
    "sweep",
    "write",
]

import contextlib
import json
import os
import pathlib
import re
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from glf_tf import errors

MARK = "glf_tf.json"
"""The file that makes a folder ours: what kind it is, and which files we wrote."""

_ASIDE = ".glf_tf-{name}-{token}"
_IS_ASIDE = re.compile(r"\.glf_tf-.*-[0-9a-f]{16}", re.DOTALL)
_NAMED = 3

# What systems and tools put into folders by themselves; to them a folder is empty.
_SYSTEM = {".DS_Store", "Thumbs.db", "desktop.ini", ".directory", ".gitkeep"}


def write(path: pathlib.Path, content: str | bytes) -> None:
    """Writes a file of a folder of ours, whole or not at all.

    Raises:
        Occupied: There is a link or a folder of that name.
        OSError: It cannot be written.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    with replacing(path) as stream:
        stream.write(data)


@contextlib.contextmanager
def replacing(path: pathlib.Path) -> Iterator[BinaryIO]:
    """Opens a file that takes the name of another one when all is written.

    The caller answers for it that a file of that name, if there is one, is ours.

    Args:
        path: The file; its folder is made where it is not there.

    Yields:
        stream: To write bytes to.

    Raises:
        Occupied: There is a link or a folder of that name.
        OSError: It cannot be written; what was there still is.
    """
    _check_plain(path)
    make_folder(path.parent)
    aside = _aside(path)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        with os.fdopen(os.open(aside, flags, 0o666), "w+b") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        _check_plain(path)
        os.replace(aside, path)
        _sync(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def output(path: pathlib.Path, *, overwrite: bool) -> Iterator[BinaryIO]:
    """Opens a file that a user named; enter it before what is written is computed.

    Args:
        path: The file.
        overwrite: Whether it may take the place of one that is there.

    Yields:
        stream: To write bytes to.

    Raises:
        Occupied: There is one and `overwrite` is false, or a link or folder.
        Exhausted: The place cannot be written to, or is full.
    """
    _check_plain(path)
    if path.exists() and not overwrite:
        raise errors.Occupied(
            "A file that exists is replaced only when asked for",
            received=f"{path}, which exists",
            do="Pass --overwrite, or another name",
        )
    with _explained(path), replacing(path) as stream:
        yield stream


@contextlib.contextmanager
def replacing_folder(path: pathlib.Path, *, kind: str) -> Iterator[pathlib.Path]:
    """Makes a folder of ours, which takes the place of one of the same kind.

    Args:
        path: The folder; it may be there if it is empty or our own.
        kind: What it is, such as "export"; part of the mark.

    Yields:
        aside: An empty folder to write to; it is marked and renamed at the end.

    Raises:
        Occupied: There is a link, a file, or a folder that is not ours alone.
        OSError: It cannot be written; what was there still is.
    """
    check_folder(path, kind=kind)
    make_folder(path.parent)
    aside = _aside(path)
    aside.mkdir()
    try:
        yield aside
        _mark(aside, kind=kind)
        check_folder(path, kind=kind)
        _swap(aside, path)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise


def check_folder(path: pathlib.Path, *, kind: str) -> None:
    """Refuses a folder that may not be replaced.

    Raises:
        Occupied: It is a link or a file, or holds what we did not write.
    """
    check_no_link(path)
    if path.exists() and not path.is_dir():
        raise _occupied(path, "is a file")
    if found := foreign(path, kind=kind):
        raise _occupied(path, f"holds {_listed(found)}")


def foreign(path: pathlib.Path, *, kind: str) -> list[str]:
    """Returns the paths below a folder that we did not write; [] where it is not there.

    Files that systems leave, such as `.DS_Store`, do not count, nor do folders without
    files in them, nor what an interrupted write of ours left.
    """
    ours = {MARK, *marked(path, kind=kind)} if marked(path, kind=kind) else set()
    found = []
    for place, folders, names in os.walk(path):
        here = pathlib.Path(place)
        links = [name for name in folders if (here / name).is_symlink()]
        folders[:] = [name for name in folders if not is_aside(name)]
        for name in [*names, *links]:
            relative = (here / name).relative_to(path).as_posix()
            if relative not in ours and name not in _SYSTEM and not is_aside(name):
                found.append(relative)
    return sorted(found)


def marked(path: pathlib.Path, *, kind: str) -> list[str]:
    """Returns the files that a folder's mark lists; [] where it bears none of ours."""
    try:
        mark = json.loads((path / MARK).read_text(encoding="utf-8"))
        is_ours = mark["kind"] == kind and isinstance(mark["files"], list)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []
    names = mark["files"] if is_ours else []
    return [name for name in names if isinstance(name, str) and _is_inside(name)]


def remove(path: pathlib.Path) -> None:
    """Removes a file of ours, or a link in its place; what is gone is no error."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()


def remove_listed(folder: pathlib.Path, names: Iterable[str]) -> bool:
    """Removes files of ours from a folder, and the folder if nothing else is in it.

    Args:
        folder: The folder; a link is left alone.
        names: Paths below it, with slashes.

    Returns:
        is_gone: Whether nothing else was in it.
    """
    if folder.is_symlink():
        return False
    places = {folder}
    for name in filter(_is_inside, names):
        file = folder / name
        inner = [folder.joinpath(*part) for part in _parents(name)]
        if any(place.is_symlink() for place in inner):
            continue
        places.update(inner)
        if file.is_symlink() or file.is_file():
            remove(file)
    for place in sorted(places, key=lambda place: len(place.parts), reverse=True):
        with contextlib.suppress(OSError):  # somebody's file is in it
            place.rmdir()
    return not folder.exists()


def is_aside(name: str) -> bool:
    """Returns whether a name is one that `replacing` and its like write aside under."""
    return _IS_ASIDE.fullmatch(name) is not None


def sweep(folder: pathlib.Path) -> None:
    """Removes what interrupted writes of ours left in a folder.

    Call it only while nobody else can be writing there: the folder's lock is held.
    """
    for path in list(folder.iterdir()) if folder.is_dir() else ():
        if not is_aside(path.name) or path.is_symlink():
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif stat.S_ISREG(path.lstat().st_mode):
            remove(path)


def make_folder(path: pathlib.Path) -> None:
    """Makes a folder and those above it.

    Raises:
        Occupied: Something else has its name, or the name of one above.
        OSError: It cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise _occupied(path, "is, or lies below, what is no folder") from error


def check_no_link(path: pathlib.Path) -> None:
    """Refuses a link where we write; links above it are the user's own affair.

    Raises:
        Occupied: It is one.
    """
    if path.is_symlink():
        raise _occupied(path, f"is a link to {os.readlink(path)}")


def _check_plain(path: pathlib.Path) -> None:
    """Refuses what a file may not take the place of."""
    check_no_link(path)
    if path.exists() and not path.is_file():
        raise _occupied(path, "is no plain file")


def _aside(path: pathlib.Path) -> pathlib.Path:
    # File systems take 255 bytes; what is cut off only makes the name less telling.
    name = path.name.encode("utf-8", "surrogateescape")[:200]
    name = name.decode("utf-8", "ignore")
    return path.with_name(_ASIDE.format(name=name, token=secrets.token_hex(8)))


def _mark(folder: pathlib.Path, *, kind: str) -> None:
    """Writes the mark, and syncs all that it lists."""
    found = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    names = [path.relative_to(folder).as_posix() for path in found]
    text = json.dumps({"kind": kind, "files": names}, indent=1) + "\n"
    (folder / MARK).write_text(text, encoding="utf-8")
    for path in (*found, folder / MARK, folder):
        _sync(path)


def _swap(aside: pathlib.Path, target: pathlib.Path) -> None:
    """Renames a folder; one of ours that is there makes room and is then removed."""
    if not target.exists():
        aside.rename(target)
        _sync(target.parent)
        return
    before = _aside(target)
    target.rename(before)
    try:
        aside.rename(target)
    except OSError:
        before.rename(target)
        raise
    _sync(target.parent)
    shutil.rmtree(before, ignore_errors=True)


def _is_inside(name: str) -> bool:
    """Returns whether a listed path stays below its folder."""
    path = pathlib.PurePosixPath(name)
    return bool(name) and not path.is_absolute() and ".." not in path.parts


def _parents(name: str) -> Iterator[tuple[str, ...]]:
    """Yields the folders that a listed path lies in, below its own."""
    parts = pathlib.PurePosixPath(name).parts[:-1]
    for count in range(1, len(parts) + 1):
        yield parts[:count]


def _sync(path: pathlib.Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _explained(path: pathlib.Path) -> Iterator[None]:
    try:
        yield
    except errors.UserError:
        raise
    except OSError as error:
        raise errors.Exhausted(
            "An output needs a place that can be written to and has room",
            received=f"{path}: {error.strerror or error}",
            do="Free some space, or pass another name",
        ) from error


def _occupied(path: pathlib.Path, found: str) -> errors.Occupied:
    return errors.Occupied(
        "Only what the library wrote itself is replaced",
        received=f"{path}, which {found}",
        do="Move it away, or pass another name",
    )


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{shown}{more}, not written by the library"
