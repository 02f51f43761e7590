# SPDX-License-Identifier: Apache-2.0
"""Replaces and removes folders safely: only those that the library wrote.

A folder of the library has a mark, `glf_tf.json`, which lists the files written; a
folder with other content is refused with an error that names it. Folders are written
under a temporary name and renamed, like files.

    with folders.replacing(path, kind="export") as aside:
        tf.saved_model.save(module, str(aside))

Checkpoints have a manifest as mark, and may contain foreign files: for `swap` and
`remove_listed` the caller lists the library's files, and all others are kept.
"""

__all__ = [
    "MARK",
    "check",
    "check_new",
    "copied",
    "foreign",
    "is_system",
    "marked",
    "remove_listed",
    "replacing",
    "swap",
    "sweep",
    "written_aside",
]

import contextlib
import ctypes
import json
import os
import pathlib
import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator

from glf_tf import files

MARK = "glf_tf.json"
"""The file that marks a folder: its kind, and the files written."""

_NAMED = 3
_MOST_MARK_BYTES = 2**26

# Files that systems create by themselves; a folder with these alone counts as empty.
_SYSTEM = {".DS_Store", "Thumbs.db", "desktop.ini", ".directory", ".gitkeep"}


@contextlib.contextmanager
def copied(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields a copy of a folder, among the system's temporary files, and removes it."""
    with tempfile.TemporaryDirectory() as temporary:
        aside = pathlib.Path(temporary) / path.name
        shutil.copytree(path, aside)
        yield aside


@contextlib.contextmanager
def replacing(
    path: pathlib.Path,
    *,
    kind: str,
    unmarked: re.Pattern | None = None,
    is_shared: bool = False,
    explained: Callable[[], contextlib.AbstractContextManager] = contextlib.nullcontext,
) -> Iterator[pathlib.Path]:
    """Creates a marked folder, which replaces one of the same kind.

    Args:
        path: The folder; an existing one must be empty or marked.
        kind: Its kind, such as "export"; part of the mark.
        unmarked: Paths that are the library's even without a mark, as older versions
            wrote them.
        is_shared: Whether foreign files are kept; otherwise they are refused. For
            folders that the library names.
        explained: As for `replacing`.

    Yields:
        aside: An empty temporary folder; it is marked and renamed at the end.

    Raises:
        Occupied: The path is a link, a file, or a folder with foreign content.
        OSError: It cannot be written; an existing folder is kept.
    """
    with contextlib.ExitStack() as stack:
        with explained():
            check(path, kind=kind, unmarked=unmarked, is_shared=is_shared)
            aside = stack.enter_context(written_aside(path))
        yield aside
        with explained():
            _mark(aside, kind=kind)
            check(path, kind=kind, unmarked=unmarked, is_shared=is_shared)
            swap(aside, path, ours=_ours(path, kind=kind, unmarked=unmarked))


@contextlib.contextmanager
def written_aside(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Creates a temporary folder next to another one, for `swap`.

    Raises:
        OSError: It cannot be created.
    """
    files.make_folder(path.parent)
    aside = files.aside_of(path)
    aside.mkdir()
    try:
        yield aside
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def check(
    path: pathlib.Path,
    *,
    kind: str,
    unmarked: re.Pattern | None = None,
    is_shared: bool = False,
) -> None:
    """Refuses a folder that may not be replaced.

    Raises:
        Occupied: It is a link or a file, has foreign content, or cannot be read.
    """
    if path.name in ("", ".."):  # cannot be the target of a rename
        raise files.occupied(path, "has no name of its own")
    files.check_no_link(path)
    if path.exists() and not path.is_dir():
        raise files.occupied(path, "is a file")
    found = [] if is_shared else foreign(path, kind=kind, unmarked=unmarked)
    if found:
        raise files.occupied(path, f"holds {_listed(found)}")


def check_new(path: pathlib.Path, *, ours: Iterable[str]) -> None:
    """Refuses a folder for new output that is not empty.

    Args:
        path: The folder; it need not exist.
        ours: Names that an earlier attempt may have left.

    Raises:
        Occupied: It is a file, or has other content.
    """
    if path.is_symlink() and not path.exists():
        raise files.occupied(
            path, f"is a link to {os.readlink(path)}, which does not exist"
        )
    if not path.exists():
        return
    if not path.is_dir():
        raise files.occupied(path, "is a file")
    known = set(ours)
    found = [
        entry.name + ("/" if entry.is_dir(follow_symlinks=False) else "")
        for entry in os.scandir(path)
        if not (
            entry.name in known or is_system(entry.name) or files.is_aside(entry.name)
        )
    ]
    if found:
        raise files.occupied(path, f"holds {_listed(sorted(found))}")


def foreign(
    path: pathlib.Path, *, kind: str, unmarked: re.Pattern | None = None
) -> list[str]:
    """Returns the foreign paths below a folder; [] if it does not exist.

    Files of the system such as `.DS_Store`, folders without files, and temporary files
    of interrupted writes do not count.

    Raises:
        Occupied: A folder in it cannot be read.
    """
    listed = set(marked(path, kind=kind))
    found = []
    for relative in _walk(path):
        name = relative.rpartition("/")[2]
        is_ours = relative in listed if listed else _matches(unmarked, relative)
        if not is_ours and not is_system(name) and not files.is_aside(name):
            found.append(relative)
    return sorted(found)


def is_system(name: str) -> bool:
    """Returns whether systems create files of that name by themselves."""
    return name in _SYSTEM or name.startswith("._")


def marked(path: pathlib.Path, *, kind: str) -> list[str]:
    """Returns the mark and the files that it lists; [] without a mark."""
    try:
        with files.open_regular(path / MARK) as stream:
            mark = json.loads(stream.read(_MOST_MARK_BYTES))
        is_ours = mark["kind"] == kind and isinstance(mark["files"], list)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []
    names = mark["files"] if is_ours else []
    inside = [name for name in names if isinstance(name, str) and _is_inside(name)]
    return [*inside, MARK] if is_ours else []


def remove_listed(folder: pathlib.Path, names: Iterable[str]) -> bool:
    """Removes listed files from a folder, and the folder if it is then empty.

    Args:
        folder: The folder; a link is left alone.
        names: Paths below it, with slashes.

    Returns:
        is_gone: Whether the folder was removed.
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
            files.remove(file)
    for place in sorted(places, key=lambda place: len(place.parts), reverse=True):
        with contextlib.suppress(OSError):  # it has foreign files
            place.rmdir()
    return not folder.exists()


def sweep(folder: pathlib.Path) -> None:
    """Removes, or restores, what interrupted writes left in a folder.

    Call it only while holding the folder's lock, so that no other process writes there.
    """
    for path in list(folder.iterdir()) if folder.is_dir() else ():
        target = files.target_of(path)
        if target is None or path.is_symlink():
            continue
        if path.is_dir():
            if path.suffix == ".old" and not target.exists():
                path.rename(target)  # killed between two renames
            else:
                shutil.rmtree(path, ignore_errors=True)
        elif stat.S_ISREG(path.lstat().st_mode):
            files.remove(path)


def swap(aside: pathlib.Path, target: pathlib.Path, *, ours: Iterable[str]) -> None:
    """Renames a temporary folder to its target, replacing an existing one.

    Foreign files of the old folder are linked into the new one before the two are
    exchanged, so that no kill loses them. A kill leaves the old folder or the new one.
    (If the file system cannot exchange two names, a kill may leave neither; the old
    folder then has a temporary name.)

    Args:
        aside: The new folder.
        target: The target.
        ours: The files of the old folder that are dropped; paths with slashes.

    Raises:
        OSError: It cannot be renamed; the old folder is kept.
    """
    if not target.exists():
        aside.rename(target)
        files.sync_folder(target.parent)
        return
    _carry_over(target, aside, ours=set(ours))
    before = aside if _exchange(aside, target) else _rename_twice(aside, target)
    files.sync_folder(target.parent)
    shutil.rmtree(before, ignore_errors=True)


def _carry_over(old: pathlib.Path, new: pathlib.Path, *, ours: set[str]) -> None:
    """Links foreign files into the new folder."""
    for relative in _walk(old):
        if relative in ours:
            continue
        place = new / relative
        while os.path.lexists(place):  # the name is in use in the new folder
            place = place.with_name(f"{place.name}.before")
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(old / relative, place, follow_symlinks=False)
        except OSError:  # a file system without hard links
            shutil.copy2(old / relative, place, follow_symlinks=False)


def _exchange(first: pathlib.Path, other: pathlib.Path) -> bool:
    """Exchanges two names atomically; returns whether the system supports it."""
    function = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if function is None:
        return False
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    names = os.fsencode(first), os.fsencode(other)
    return function(here, names[0], here, names[1], ctypes.c_uint(exchange)) == 0


def _rename_twice(aside: pathlib.Path, target: pathlib.Path) -> pathlib.Path:
    """Renames a folder in place of another; returns the new path of the other."""
    before = files.aside_of(target)
    before = before.with_name(f"{before.name}.old")
    target.rename(before)
    try:
        aside.rename(target)
    except BaseException:
        before.rename(target)
        raise
    return before


def _mark(folder: pathlib.Path, *, kind: str) -> None:
    """Writes the mark, and syncs all files that it lists."""
    found = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    names = [path.relative_to(folder).as_posix() for path in found]
    text = json.dumps({"kind": kind, "files": names}, indent=1) + "\n"
    (folder / MARK).write_text(text, encoding="utf-8")
    for path in (*found, folder / MARK):
        files.sync_file(path)
    files.sync_folder(folder)


def _ours(path: pathlib.Path, *, kind: str, unmarked: re.Pattern | None) -> list[str]:
    listed = marked(path, kind=kind)
    return listed or [name for name in _walk(path) if _matches(unmarked, name)]


def _matches(pattern: re.Pattern | None, name: str) -> bool:
    return pattern is not None and pattern.fullmatch(name) is not None


def _walk(path: pathlib.Path) -> Iterator[str]:
    """Yields the files and links below a folder, as paths with slashes.

    Raises:
        Occupied: A folder cannot be read.
    """

    def refuse(error: OSError):
        if not isinstance(error, FileNotFoundError):
            raise files.occupied(path, f"cannot be read: {error.strerror}") from error

    for place, folders, names in os.walk(path, onerror=refuse):
        here = pathlib.Path(place)
        links = [name for name in folders if (here / name).is_symlink()]
        folders[:] = [name for name in folders if name not in links]
        for name in [*names, *links]:
            yield (here / name).relative_to(path).as_posix()


def _is_inside(name: str) -> bool:
    """Returns whether a listed path is below its folder."""
    path = pathlib.PurePosixPath(name)
    return bool(name) and not path.is_absolute() and ".." not in path.parts


def _parents(name: str) -> Iterator[tuple[str, ...]]:
    """Yields the parents of a listed path below its folder."""
    parts = pathlib.PurePosixPath(name).parts[:-1]
    for count in range(1, len(parts) + 1):
        yield parts[:count]


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{shown}{more}, not written by the library"
