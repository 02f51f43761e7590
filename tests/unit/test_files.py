# SPDX-License-Identifier: Apache-2.0
"""The one door for writes: whole files or none, no link followed, nothing foreign
touched."""

import os
import pathlib
import re
import resource
import signal

import pytest

from glf_tf import errors, files, folders


@pytest.fixture
def small_disk():
    """Makes every file end after 100 bytes, as a disk does that fills."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def tree(folder):
    """All below a folder: contents of files, targets of links."""
    return {
        path.relative_to(folder).as_posix(): os.readlink(path)
        if path.is_symlink()
        else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


@pytest.fixture(params=["exchanged", "renamed twice"])
def each_way(request, monkeypatch):
    """Folders are swapped as this file system can, and as any can."""
    if request.param == "renamed twice":
        monkeypatch.setattr(folders, "_exchange", lambda *_: False)


def export(path, text="new", name="model.pb", **options):
    with folders.replacing(path, kind="export", **options) as aside:
        (aside / "variables").mkdir()
        (aside / "variables" / name).write_text(text)


def test_a_file_is_written_whole_and_nothing_else_is_left(tmp_path):
    files.write(tmp_path / "a" / "x", "old")
    files.write(tmp_path / "a" / "x", b"new")
    assert tree(tmp_path) == {"a/x": b"new"}


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, ValueError])
def test_an_interrupted_write_leaves_the_old_file(tmp_path, error):
    files.write(tmp_path / "x", "old")

    def interrupted():
        with files.replacing(tmp_path / "x") as stream:
            stream.write(b"half")
            raise error

    with pytest.raises(error):
        interrupted()
    assert tree(tmp_path) == {"x": b"old"}


@pytest.mark.parametrize(
    "write",
    [
        lambda path: files.write(path, "new"),
        lambda path: files.output(path, overwrite=True).__enter__(),
        lambda path: files.appending(path).__enter__(),
        lambda path: files.lockable(path).__enter__(),
        lambda path: export(path),
    ],
    ids=["write", "output", "appending", "lockable", "folder"],
)
@pytest.mark.parametrize("target", ["file", "folder", "nowhere"])
def test_a_link_is_never_followed(tmp_path, write, target):
    (tmp_path / "file").write_text("theirs")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "photo.jpg").write_text("theirs")
    (tmp_path / "link").symlink_to(target)
    before = tree(tmp_path)
    with pytest.raises(errors.Occupied, match="is a link"):
        write(tmp_path / "link")
    assert tree(tmp_path) == before


@pytest.mark.parametrize("kind", ["fifo", "folder"])
def test_other_than_regular_files_are_not_replaced(tmp_path, kind):
    path = tmp_path / "x"
    os.mkfifo(path) if kind == "fifo" else path.mkdir()
    for write in (files.write, lambda p, _: files.lockable(p).__enter__()):
        with pytest.raises(errors.Occupied, match="not a regular file"):
            write(path, "new")
    with pytest.raises(OSError, match="."):
        files.open_regular(path)


def test_an_output_that_exists_is_replaced_when_asked_for(tmp_path):
    path = tmp_path / "x"
    path.write_text("theirs")
    with pytest.raises(errors.Occupied, match="--overwrite"):
        files.output(path, overwrite=False).__enter__()
    with files.output(path, overwrite=True) as stream:
        stream.write(b"ours")
    assert tree(tmp_path) == {"x": b"ours"}


def test_a_file_that_came_while_an_output_was_computed_stays(tmp_path):
    def written():
        with files.output(tmp_path / "x", overwrite=False) as stream:
            stream.write(b"ours")
            (tmp_path / "x").write_text("theirs")

    with pytest.raises(errors.Occupied, match="exists"):
        written()
    assert tree(tmp_path) == {"x": b"theirs"}


def test_a_full_disk_leaves_the_old_output(tmp_path, small_disk):
    (tmp_path / "x").write_text("old")
    for size in (101, 100_000):
        with (
            pytest.raises(errors.Exhausted, match="Free some space"),
            files.output(tmp_path / "x", overwrite=True) as stream,
        ):
            stream.write(b"x" * size)
    assert tree(tmp_path) == {"x": b"old"}


def test_an_output_answers_for_its_own_failures_only(tmp_path):
    """What the work raises while an output is open is not explained as its own."""
    with (
        pytest.raises(ConnectionResetError),
        files.output(tmp_path / "x", overwrite=False),
    ):
        raise ConnectionResetError("a peer is gone")
    assert tree(tmp_path) == {}


@pytest.mark.parametrize("place", ["file/x", "n" * 300])
def test_an_unusable_place_is_said_before_anything_is_computed(tmp_path, place):
    (tmp_path / "file").touch()
    with pytest.raises((errors.Occupied, errors.Exhausted), match="file|nnn"):
        files.output(tmp_path / place, overwrite=False).__enter__()


def test_a_folder_of_ours_is_replaced(tmp_path, each_way):
    export(tmp_path / "x", text="old", name="old.pb")
    export(tmp_path / "x")
    assert set(tree(tmp_path)) == {"x/glf_tf.json", "x/variables/model.pb"}


@pytest.mark.parametrize("is_marked", [False, True])
def test_a_folder_with_foreign_files_is_refused_by_name(tmp_path, is_marked):
    if is_marked:
        export(tmp_path / "x")
    (tmp_path / "x").mkdir(exist_ok=True)
    (tmp_path / "x" / "thesis.tex").write_text("theirs")
    before = tree(tmp_path)
    with pytest.raises(errors.Occupied, match=r"thesis\.tex"):
        export(tmp_path / "x")
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    "mark",
    [
        *("[]", "{}", "null", "3", "[" * 100_000, '{"kind": "export"}', "\xff"),
        '{"kind": "other", "files": ["thesis.tex"]}',
        '{"kind": "export", "files": [1, null, "/x", "../x"]}',
    ],
)
def test_a_mark_that_is_none_protects_all(tmp_path, mark):
    (tmp_path / "thesis.tex").write_text("theirs")
    (tmp_path / folders.MARK).write_text(mark, encoding="latin-1")
    with pytest.raises(errors.Occupied, match=r"thesis\.tex"):
        folders.check(tmp_path, kind="export")


def test_what_comes_while_a_folder_is_written_moves_over(tmp_path, each_way):
    """A file put into the old folder at the last moment is in the new one."""
    export(tmp_path / "x", text="old")
    ours = folders.marked(tmp_path / "x", kind="export")
    with folders.written_aside(tmp_path / "x") as aside:
        (aside / "new").touch()
        (tmp_path / "x" / "thesis.tex").write_text("theirs")
        folders.swap(aside, tmp_path / "x", ours=ours)
    assert tree(tmp_path) == {"x/new": b"", "x/thesis.tex": b"theirs"}
    assert [item.name for item in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize("done", range(6))
def test_no_kill_loses_what_is_not_ours(tmp_path, each_way, monkeypatch, done):
    """Whatever call of the system a kill comes at; also where names collide."""
    target = tmp_path / "x"
    target.mkdir()
    (target / "ours").write_text("old")
    (target / "theirs").mkdir()
    (target / "theirs" / "thesis.tex").write_text("theirs")
    (target / "taken").write_text("theirs too")
    calls = iter(range(99))

    def killed(function):
        def call(*arguments, **options):
            if next(calls) == done:
                raise KeyboardInterrupt
            return function(*arguments, **options)

        return call

    for owner, name in (
        *((os, "link"), (os, "rename"), (folders, "_exchange")),
        *((pathlib.Path, "rename"), (files, "sync_folder")),
    ):
        monkeypatch.setattr(owner, name, killed(getattr(owner, name)))
    try:
        with folders.written_aside(target) as aside:
            (aside / "taken").write_text("new")
            folders.swap(aside, target, ours=["ours"])
    except KeyboardInterrupt:
        pass
    texts = sorted(tree(tmp_path).values())
    assert {b"theirs", b"theirs too"} <= set(texts)
    assert (b"new" in texts) or (b"old" in texts)


def test_system_files_and_empty_folders_do_not_count(tmp_path):
    (tmp_path / "x" / "empty").mkdir(parents=True)
    (tmp_path / "x" / ".DS_Store").touch()
    export(tmp_path / "x")
    assert "x/variables/model.pb" in tree(tmp_path)


def test_an_unmarked_folder_of_before_is_taken_over_where_said(tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "saved_model.pb").write_text("old")
    with pytest.raises(errors.Occupied):
        export(tmp_path / "x")
    export(tmp_path / "x", unmarked=re.compile(r"saved_model\.pb"))
    assert set(tree(tmp_path)) == {"x/glf_tf.json", "x/variables/model.pb"}


def test_an_interrupted_folder_leaves_the_old_one(tmp_path, monkeypatch):
    export(tmp_path / "x", text="old")
    before = tree(tmp_path)
    with (
        pytest.raises(KeyboardInterrupt),
        folders.replacing(tmp_path / "x", kind="export"),
    ):
        raise KeyboardInterrupt
    rename, calls = pathlib.Path.rename, iter(range(9))

    def failing(path, target):
        if next(calls) == 1:
            raise OSError("the disk is gone")
        return rename(path, target)

    monkeypatch.setattr(folders, "_exchange", lambda *_: False)
    monkeypatch.setattr(pathlib.Path, "rename", failing)
    with pytest.raises(OSError, match="gone"):
        export(tmp_path / "x")
    assert tree(tmp_path) == before


def test_listed_files_are_removed_and_nothing_outside(tmp_path):
    (tmp_path / "outside").write_text("theirs")
    folder = tmp_path / "x"
    (folder / "in").mkdir(parents=True)
    for name in ("a", "in/b", "notes"):
        (folder / name).write_text("")
    (folder / "link").symlink_to("..")
    names = ["a", "in/b", "../outside", str(tmp_path / "outside"), "link/outside", ""]
    assert not folders.remove_listed(folder, names)
    assert set(tree(tmp_path)) == {"outside", "x/notes", "x/link"}
    (tmp_path / "linked").symlink_to("x")
    assert not folders.remove_listed(tmp_path / "linked", ["notes"])
    assert (folder / "notes").exists()


def test_a_sweep_takes_what_writes_left_and_nothing_else(tmp_path):
    left = tmp_path / ".glf_tf-x-0123456789abcdef"
    left.mkdir()
    (left / "half").touch()
    theirs = ("x.tmp", ".glf_tf-x", "x.partial", ".glf_tf-x-0123456789abcdeg")
    for name in theirs:
        (tmp_path / name).touch()
    (tmp_path / ".glf_tf-y-0123456789abcdef").symlink_to("x.tmp")
    folders.sweep(tmp_path)
    kept = {*theirs, ".glf_tf-y-0123456789abcdef"}
    assert {item.name for item in tmp_path.iterdir()} == kept


def test_a_sweep_puts_back_what_a_kill_between_two_renames_took_away(tmp_path):
    left = tmp_path / ".glf_tf-best-0123456789abcdef.old"
    left.mkdir()
    (left / "x").touch()
    folders.sweep(tmp_path)
    assert tree(tmp_path) == {"best/x": b""}
    (tmp_path / "best").rename(left)
    (tmp_path / "best").mkdir()
    folders.sweep(tmp_path)
    assert [item.name for item in tmp_path.iterdir()] == ["best"]


@pytest.mark.parametrize("name", [".", "x/..", "/"])
def test_a_folder_without_a_name_of_its_own_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with (
        pytest.raises(errors.Occupied, match="name of its own"),
        folders.replacing(pathlib.Path(name), kind="export"),
    ):
        pass
    assert tree(tmp_path) == {}


@pytest.mark.parametrize("left", [[], ["lock"], [".DS_Store", "lock", "flags.cfg"]])
def test_a_new_folder_is_empty_or_of_a_start_before(tmp_path, left):
    for name in left:
        (tmp_path / name).touch()
    folders.check_new(tmp_path, ours=("lock", "flags.cfg"))
    (tmp_path / "photos").mkdir()
    with pytest.raises(errors.Occupied, match="photos/, not written"):
        folders.check_new(tmp_path, ours=("lock", "flags.cfg"))


def test_adding_to_a_file_keeps_what_is_in_it(tmp_path):
    for text in (b"one\n", b"two\n"):
        with files.appending(tmp_path / "x") as stream:
            stream.write(text)
    with files.lockable(tmp_path / "x"):
        pass
    assert tree(tmp_path) == {"x": b"one\ntwo\n"}
