# SPDX-License-Identifier: Apache-2.0
"""Nothing of somebody's is touched, whatever place a tool is told to write to."""

import os
import shutil

import pytest

from tests import calls

SMALL = (
    *("--dataset=digits", "--network=mlp", "--network.hidden=4", "--latent_dim=2"),
    *("--model=vae", "--epochs=1", "--batch_size=512", "--draw_every=0"),
)
LINKS = ("file_link.png", "folder_link", "nowhere_link.json")


def snapshot(folder):
    """All below a folder: contents of files, targets of links."""
    return {
        str(path.relative_to(folder)): os.readlink(path)
        if path.is_symlink()
        else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def put_foreign_files(folder):
    """Writes somebody's files, among them some with names such as ours."""
    for name in (
        *("thesis.tex", ".DS_Store", "photographs/one.jpg", "photographs/two.jpg"),
        *("checkpoints/best.mybackup/variables.index", "checkpoints/.DS_Store"),
        *("checkpoints/v1.0/weights", "checkpoints/step_00000001/thesis.tex"),
        *("saved_model/mine.pb", "samples/samples.png", "tensorboard/notes"),
        *("picture.png", "array.npy", "numbers.json", "numbers.csv", "picture.json"),
        *("some.tmp", "lock.tmp", "metrics.partial", "flags.cfg.partial"),
        *("locked/lock", "locked/flags.cfg"),
        *("lock/x", "saved_model.partial/x", "hparams/vae/x", "picture.csv"),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"theirs: {name}")
    outside = folder.parent / "outside"
    outside.mkdir(exist_ok=True)
    (outside / "file.png").write_text("theirs")
    for name, target in zip(LINKS, ("file.png", "", "nowhere"), strict=True):
        (folder / name).symlink_to(outside / target)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a trained run, and somebody's files in `theirs`."""
    folder = tmp_path_factory.mktemp("place")
    ended = calls.call("train", f"--workdir={folder}/run", *SMALL)
    assert ended.status == 0, ended.stderr
    put_foreign_files(folder / "theirs")
    (folder / "small.cfg").write_text("\n".join(SMALL) + "\n")
    (folder / "small.toml").write_text(
        'title = "A"\n[[rows]]\nname = "a"\nrecipes = ["small.cfg"]\n'
    )
    return folder


REFUSED = [
    *[
        ("train", f"--workdir={where}", *SMALL, *more)
        for where in ("@", "@/photographs", "@/thesis.tex", "@/folder_link")
        for more in ((), ("--resume",))
    ],
    *[
        (tool, "--workdir=run", f"--output={where}")
        for tool in ("sample", "reconstruct", "inpaint", "interpolate")
        for where in ("@", "@/picture.png", "@/array.npy", "@/photographs", "run")
    ],
    *[
        (tool, "--workdir=run", "--overwrite", f"--output={where}")
        for tool in ("sample", "inpaint")
        for where in ("@", "@/file_link.png", "@/folder_link", "run/checkpoints")
    ],
    ("inpaint", "--workdir=run", "--output=@/numbers.png"),  # numbers.json beside it
    ("recover", "--workdir=run", "--output=@/picture.png"),
    *[
        ("export", "--workdir=run", f"--output={where}")
        for where in (".", "run", "@", "@/saved_model", "@/thesis.tex", "@/folder_link")
    ],
    *[
        ("evaluate", "--workdir=run", f"--out=@/{name}", *more)
        for name in ("numbers.json", "photographs", *LINKS)
        for more in ((), ("--overwrite",))
        if (name, more) != ("numbers.json", ("--overwrite",))
    ],
    ("plot", "--runs=run", "--scalars=epoch/kl", "--out=@/picture.png"),
    ("plot", "--runs=run", "--scalars=epoch/kl", "--out=@/numbers.png"),
    (
        "plot",
        "--runs=run",
        "--scalars=epoch/kl",
        "--overwrite",
        "--out=@/file_link.png",
    ),
    ("anomaly", "--runs=run", "--against=mnist", "--out=@"),
    ("anomaly", "--runs=run", "--against=mnist", "--out=run"),
    ("judge", "--workdir=run", "--images=mnist", "--out=@"),
    ("judge", "--workdir=run", "--images=mnist", "--out=run"),
    ("compare", "--recipes=small.cfg", "--out=@"),
    ("compare", "--recipes=small.cfg", "--out=run"),
    ("compare", "--recipes=small.cfg", "--out=@/photographs"),
    ("compare", "--recipes=small.cfg", "--out=@/locked"),
    ("reproduce", "--table=small.toml", "--out=@"),
    ("reproduce", "--table=small.toml", "--out=run"),
    ("reproduce", "--table=small.toml", "--out=@/photographs"),
    ("train", "--workdir=@/locked", *SMALL),
]


@pytest.mark.parametrize(
    "arguments",
    REFUSED,
    ids=lambda found: " ".join(item for item in found if item not in SMALL),
)
def test_foreign_files_are_refused_in_one_line(place, arguments, monkeypatch):
    monkeypatch.chdir(place)
    before = snapshot(place)
    tool, *rest = (item.replace("@", "theirs") for item in arguments)
    ended = calls.call(tool, *rest)
    assert snapshot(place) == before
    assert ended.status == 1, ended.stderr
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    assert "replace" in ended.stderr


@pytest.mark.parametrize(
    "name",
    [
        *("lock", "flags.cfg", "run.json", "metrics.jsonl", "checkpoints", "samples"),
        *("saved_model", "tensorboard"),
    ],
)
@pytest.mark.parametrize("target", ["file.png", ""])
def test_a_link_in_a_run_is_not_followed(place, tmp_path, name, target):
    run = tmp_path / "run"
    shutil.copytree(place / "run", run)
    if (run / name).is_dir():
        shutil.rmtree(run / name)
    else:
        (run / name).unlink(missing_ok=True)
    (run / name).symlink_to(place / "outside" / target)
    before = snapshot(tmp_path), snapshot(place)
    ended = calls.call("train", f"--workdir={run}", *SMALL, "--epochs=2", "--resume")
    assert (snapshot(tmp_path), snapshot(place)) == before
    assert ended.status == 1, ended.stderr
    assert "link" in ended.stderr


def test_foreign_files_in_a_run_disturb_nothing(place, tmp_path, monkeypatch):
    """A run goes on, and every tool works, beside what somebody put there."""
    shutil.copytree(place / "run", tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    theirs = {}
    for name in (
        *("run/thesis.tex", "run/.DS_Store", "run/checkpoints/.DS_Store", "run/x.tmp"),
        *("run/checkpoints/best.mybackup/variables.index", "run/metrics.partial"),
        *("run/checkpoints/v1.0/x", "run/checkpoints/step_x", "run/samples/mine.png"),
        *("run/checkpoints/step_00000001/thesis.tex", "run/tensorboard/notes"),
        *("run/flags.cfg.partial", "run/saved_model.partial/x", "cache/x.tmp"),
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"theirs: {name}")
        theirs[path] = path.read_bytes()
    for tool, *arguments in (
        ("train", "--workdir=run", *SMALL, "--epochs=2", "--resume"),
        ("sample", "--workdir=run", "--num_samples=2", "--output=new"),
        ("sample", "--workdir=run", "--num_samples=3", "--output=new"),
        ("export", "--workdir=run", "--output=serving/1"),
        ("export", "--workdir=run", "--output=serving/1"),
        ("plot", "--runs=run", "--scalars=epoch/kl", "--out=new.png"),
        ("plot", "--runs=run", "--scalars=epoch/kl", "--out=new.png", "--overwrite"),
    ):
        ended = calls.call(tool, *arguments, *(_cache(tool)))
        assert ended.status == 0, ended.stderr
    assert {path: path.read_bytes() for path in theirs} == theirs
    assert len(list((tmp_path / "new").glob("*.png"))) == 3
    assert not list(tmp_path.rglob(".glf_tf-*"))


def _cache(tool):
    return ("--cache_dir=cache",) if tool in ("train", "sample") else ()
