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
    "appending",
    "check_folder",
    "check_new",
    "check_no_link",
    "explained",
    "foreign",
    "is_aside",
    "is_system",
    "lockable",
    "make_folder",
    "marked",
    "open_regular",
    "output",
    "remove",
    "remove_listed",
    "replacing",
    "replacing_folder",
    "swap",
    "sync",
    "target_of",
    "sweep",
    "write",
    "written_aside",
]

import contextlib
import ctypes
import errno
import functools
import io
import json
import os
import pathlib
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

from glf_tf import errors

MARK = "glf_tf.json"
"""The file that makes a folder ours: what kind it is, and which files we wrote."""

_ASIDE = ".glf_tf-{name}-{token}"
_IS_ASIDE = re.compile(r"\.glf_tf-(.*)-[0-9a-f]{16}(\.old)?", re.DOTALL)
_NAMED = 3
_MOST_MARK_BYTES = 2**26

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
def replacing(
    path: pathlib.Path,
    *,
    explained: Callable[[], contextlib.AbstractContextManager] = contextlib.nullcontext,
) -> Iterator[BinaryIO]:
    """Opens a file that takes the name of another one when all is written.

    The caller answers for it that a file of that name, if there is one, is ours.

    Args:
        path: The file; its folder is made where it is not there.
        explained: Makes contexts that turn an OSError of the file into another error;
            what the caller's own work raises passes.

    Yields:
        stream: To write bytes to.

    Raises:
        Occupied: There is a link or a folder of that name.
        OSError: It cannot be written; what was there still is.
    """
    with explained():
        aside = _AsideFile(path, explained=explained)
    try:
        yield aside.stream
        with explained():
            aside.commit()
    except BaseException:
        aside.discard()
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
    told = functools.partial(explained, path)
    with told():
        _check_absent(path, overwrite=overwrite)
    with replacing(path, explained=told) as stream:
        yield stream
        _check_absent(path, overwrite=overwrite)  # it may have come meanwhile


class _AsideFile:
    """A file that is written beside its target, and takes its name at the end."""

    def __init__(self, path: pathlib.Path, *, explained: Callable):
        _check_plain(path)
        make_folder(path.parent)
        self._path, self._aside = path, _aside(path)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        raw = _Raw(os.open(self._aside, flags, 0o666), "w+b", explained=explained)
        self.stream = io.BufferedRandom(raw)

    def commit(self) -> None:
        self.stream.flush()
        os.fsync(self.stream.fileno())
        self.stream.close()
        _check_plain(self._path)
        os.replace(self._aside, self._path)
        _sync_folder(self._path.parent)

    def discard(self) -> None:
        # Closing writes what is buffered, for which there may be no room.
        with contextlib.suppress(OSError, errors.UserError):
            self.stream.close()
        with contextlib.suppress(OSError):
            self._aside.unlink(missing_ok=True)


class _Raw(io.FileIO):
    """A file whose failing writes are told from other errors of who writes."""

    def __init__(self, descriptor: int, mode: str, *, explained):
        super().__init__(descriptor, mode)
        self._explained = explained

    def write(self, data):
        with self._explained():
            return super().write(data)


@contextlib.contextmanager
def appending(path: pathlib.Path) -> Iterator[BinaryIO]:
    """Opens a file of ours to add to its end.

    Raises:
        Occupied: There is a link, or no plain file, of that name.
        OSError: It cannot be written.
    """
    make_folder(path.parent)
    flags = os.O_WRONLY | os.O_APPEND
    with os.fdopen(_open_plain(path, flags), "ab") as stream:
        yield stream


@contextlib.contextmanager
def lockable(path: pathlib.Path) -> Iterator[BinaryIO]:
    """Opens a file of ours to hold its lock; what is in it stays.

    Raises:
        Occupied: There is a link, or no plain file, of that name.
        OSError: It cannot be opened.
    """
    make_folder(path.parent)
    with os.fdopen(_open_plain(path, os.O_RDWR), "r+b") as stream:
        yield stream


def open_regular(path: pathlib.Path) -> BinaryIO:
    """Opens a plain file to be read: no link, and nothing that could block or not end.

    Raises:
        OSError: It is not there, cannot be read, or is something else.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    descriptor = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "is no plain file", str(path))
    return os.fdopen(descriptor, "rb")


@contextlib.contextmanager
def replacing_folder(
    path: pathlib.Path,
    *,
    kind: str,
    unmarked: re.Pattern | None = None,
    is_shared: bool = False,
    explained: Callable[[], contextlib.AbstractContextManager] = contextlib.nullcontext,
) -> Iterator[pathlib.Path]:
    """Makes a folder of ours, which takes the place of one of the same kind.

    Args:
        path: The folder; it may be there if it is empty or our own.
        kind: What it is, such as "export"; part of the mark.
        unmarked: Paths that are ours in a folder without a mark as well: those that
            versions before the mark wrote, where nobody else writes.
        is_shared: Whether what somebody put beside our files stays there, where it
            would otherwise be refused: in a folder of a name that we give.
        explained: As for `replacing`.

    Yields:
        aside: An empty folder to write to; it is marked and renamed at the end.

    Raises:
        Occupied: There is a link, a file, or a folder that is not ours alone.
        OSError: It cannot be written; what was there still is.
    """
    with contextlib.ExitStack() as stack:
        with explained():
            check_folder(path, kind=kind, unmarked=unmarked, is_shared=is_shared)
            aside = stack.enter_context(written_aside(path))
        yield aside
        with explained():
            _mark(aside, kind=kind)
            check_folder(path, kind=kind, unmarked=unmarked, is_shared=is_shared)
            swap(aside, path, ours=_ours(path, kind=kind, unmarked=unmarked))


@contextlib.contextmanager
def written_aside(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Makes an empty folder beside another one, for `swap`; none is left at the end.

    Raises:
        OSError: It cannot be made.
    """
    make_folder(path.parent)
    aside = _aside(path)
    aside.mkdir()
    try:
        yield aside
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def check_folder(
    path: pathlib.Path,
    *,
    kind: str,
    unmarked: re.Pattern | None = None,
    is_shared: bool = False,
) -> None:
    """Refuses a folder that may not be replaced.

    Raises:
        Occupied: It is a link or a file, holds what we did not write, or cannot be
            looked into.
    """
    check_no_link(path)
    if path.exists() and not path.is_dir():
        raise _occupied(path, "is a file")
    found = [] if is_shared else foreign(path, kind=kind, unmarked=unmarked)
    if found:
        raise _occupied(path, f"holds {_listed(found)}")


def check_new(path: pathlib.Path, *, ours: Iterable[str]) -> None:
    """Refuses a folder for something new that is not empty.

    Args:
        path: The folder; it need not be there.
        ours: Names that an earlier start may have left.

    Raises:
        Occupied: It is a file, or something else is in it.
    """
    if path.is_symlink() and not path.exists():
        raise _occupied(path, f"is a link to {os.readlink(path)}, which is not there")
    if not path.exists():
        return
    if not path.is_dir():
        raise _occupied(path, "is a file")
    known = set(ours)
    found = [
        one.name + ("/" if one.is_dir(follow_symlinks=False) else "")
        for one in os.scandir(path)
        if not (one.name in known or is_system(one.name) or is_aside(one.name))
    ]
    if found:
        raise _occupied(path, f"holds {_listed(sorted(found))}")


def foreign(
    path: pathlib.Path, *, kind: str, unmarked: re.Pattern | None = None
) -> list[str]:
    """Returns the paths below a folder that we did not write; [] where it is not there.

    Files that systems leave, such as `.DS_Store`, do not count, nor do folders without
    files in them, nor what an interrupted write of ours left.

    Raises:
        Occupied: A folder in it cannot be looked into.
    """
    listed = set(marked(path, kind=kind))
    found = []
    for relative in _walk(path):
        name = relative.rpartition("/")[2]
        is_ours = relative in listed if listed else _matches(unmarked, relative)
        if not is_ours and not is_system(name) and not is_aside(name):
            found.append(relative)
    return sorted(found)


def is_system(name: str) -> bool:
    """Returns whether systems put a file of that name into folders by themselves."""
    return name in _SYSTEM or name.startswith("._")


def marked(path: pathlib.Path, *, kind: str) -> list[str]:
    """Returns the mark and the files that it lists; [] where a folder bears none."""
    try:
        with open_regular(path / MARK) as stream:
            mark = json.loads(stream.read(_MOST_MARK_BYTES))
        is_ours = mark["kind"] == kind and isinstance(mark["files"], list)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []
    names = mark["files"] if is_ours else []
    inside = [name for name in names if isinstance(name, str) and _is_inside(name)]
    return [*inside, MARK] if is_ours else []


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


def target_of(path: pathlib.Path) -> pathlib.Path | None:
    """Returns whose place a file written aside is to take; None for any other file."""
    match = _IS_ASIDE.fullmatch(path.name)
    is_plain = match is not None and not path.is_symlink() and path.is_file()
    return path.with_name(match[1]) if is_plain else None


def sweep(folder: pathlib.Path) -> None:
    """Removes what interrupted writes of ours left in a folder, or puts it back.

    Call it only while nobody else can be writing there: the folder's lock is held.
    """
    for path in list(folder.iterdir()) if folder.is_dir() else ():
        if not is_aside(path.name) or path.is_symlink():
            continue
        if path.is_dir():
            target = path.with_name(_IS_ASIDE.fullmatch(path.name)[1])
            if path.suffix == ".old" and not target.exists():
                path.rename(target)  # killed between two renames
            else:
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


def _check_absent(path: pathlib.Path, *, overwrite: bool) -> None:
    """Refuses a file that exists, unless it may be replaced."""
    _check_plain(path)
    if path.exists() and not overwrite:
        raise errors.Occupied(
            "A file that exists is replaced only when asked for",
            received=f"{path}, which exists",
            do="Pass --overwrite, or another name",
        )


def _open_plain(path: pathlib.Path, flags: int) -> int:
    """Opens a file of ours, made where it is not there, without following a link."""
    _check_plain(path)
    flags |= os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        return os.open(path, flags, 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _occupied(path, "is a link") from error
        raise


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
    for path in (*found, folder / MARK):
        _sync(path)
    _sync_folder(folder)


def swap(aside: pathlib.Path, target: pathlib.Path, *, ours: Iterable[str]) -> None:
    """Gives a folder written aside its name; one that is there makes room.

    What is in that one and not ours is in the new one as well, before the two change
    places: no kill loses it. A kill leaves the old folder, or the new. (Where a file
    system cannot exchange two names, one may come when neither stands there: the old
    one is then beside.)

    Args:
        aside: The new folder.
        target: Its place.
        ours: Which files of the old folder are given up; paths with slashes.

    Raises:
        OSError: It cannot be renamed; the old one is where it was.
    """
    if not target.exists():
        aside.rename(target)
        _sync_folder(target.parent)
        return
    _carry_over(target, aside, ours=set(ours))
    before = aside if _exchange(aside, target) else _rename_twice(aside, target)
    _sync_folder(target.parent)
    shutil.rmtree(before, ignore_errors=True)


def _carry_over(old: pathlib.Path, new: pathlib.Path, *, ours: set[str]) -> None:
    """Puts what is not ours into the new folder as well, as a second name of it."""
    for relative in _walk(old):
        if relative in ours:
            continue
        place = new / relative
        while os.path.lexists(place):  # of a name that we have taken meanwhile
            place = place.with_name(f"{place.name}.before")
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(old / relative, place, follow_symlinks=False)
        except OSError:  # a file system without second names
            shutil.copy2(old / relative, place, follow_symlinks=False)


def _exchange(one: pathlib.Path, other: pathlib.Path) -> bool:
    """Exchanges two names at once; returns whether the system can."""
    function = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if function is None:
        return False
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    names = os.fsencode(one), os.fsencode(other)
    return function(here, names[0], here, names[1], ctypes.c_uint(exchange)) == 0


def _rename_twice(aside: pathlib.Path, target: pathlib.Path) -> pathlib.Path:
    """Renames a folder in place of another one; returns where that one is then."""
    before = _aside(target)
    before = before.with_name(f"{before.name}.old")
    target.rename(before)
    try:
        aside.rename(target)
    except BaseException:
        before.rename(target)
        raise
    return before


def _ours(path: pathlib.Path, *, kind: str, unmarked: re.Pattern | None) -> list[str]:
    listed = marked(path, kind=kind)
    return listed or [name for name in _walk(path) if _matches(unmarked, name)]


def _matches(pattern: re.Pattern | None, name: str) -> bool:
    return pattern is not None and pattern.fullmatch(name) is not None


def _walk(path: pathlib.Path) -> Iterator[str]:
    """Yields the files and links below a folder, as paths with slashes.

    Raises:
        Occupied: A folder cannot be looked into.
    """

    def refuse(error: OSError):
        if not isinstance(error, FileNotFoundError):
            raise _occupied(path, f"cannot be looked into: {error.strerror}") from error

    for place, folders, names in os.walk(path, onerror=refuse):
        here = pathlib.Path(place)
        links = [name for name in folders if (here / name).is_symlink()]
        folders[:] = [name for name in folders if name not in links]
        for name in [*names, *links]:
            yield (here / name).relative_to(path).as_posix()


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


def sync(folder: pathlib.Path) -> None:
    """Puts all files directly in a folder, and the folder, on the disk."""
    for path in folder.iterdir():
        _sync(path)
    _sync_folder(folder)


def _sync_folder(path: pathlib.Path) -> None:
    # Some file systems cannot, and nothing is lost while the power stays.
    with contextlib.suppress(OSError):
        _sync(path)


@contextlib.contextmanager
def explained(path: pathlib.Path) -> Iterator[None]:
    """Turns a failure to write an output into one line.

    Raises:
        Exhausted: The place cannot be written to, or is full.
    """
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
