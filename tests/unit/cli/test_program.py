# SPDX-License-Identifier: Apache-2.0
"""What a user can cause ends in one line, whatever it is; flags are read alike."""

import errno
import os
import re
import subprocess
import sys

import pytest

from glf_tf import errors
from glf_tf.cli import program
from tests import calls

TOOLS = sorted(path.stem for path in (calls.ROOT / "tools").glob("*.py"))


def failing(error):
    def main():
        raise error

    return main


@pytest.fixture
def alone(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["tool"])
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        monkeypatch.setattr(stream, "reconfigure", lambda **_: None, raising=False)


@pytest.mark.parametrize(
    ("error", "status", "word"),
    [
        (errors.InvalidValue("x", received="y", do="z"), 2, "x. Received: y. z."),
        (errors.NotFound("x", received="y", do="z"), 1, "x. Received: y. z."),
        (errors.Lost("x", received="y", do="z"), 75, "x. Received: y. z."),
        (
            errors.Lost("a\nb", received="\x1b[2J", do="c"),
            75,
            r"a b. Received: \x1b[2J",
        ),
        (PermissionError(errno.EACCES, "denied", "/a/b"), 1, "/a/b: denied"),
        (OSError(errno.ENOSPC, "No space left"), 1, "No space left"),
        (IsADirectoryError(errno.EISDIR, "Is a directory", "x"), 1, "x: Is a dir"),
        (FileNotFoundError(errno.ENOENT, "none", b"\xff"), 1, "none"),
        (MemoryError("of 3 TB"), 1, "of 3 TB"),
        (MemoryError(), 1, "memory"),
        (UnicodeEncodeError("ascii", "ü", 0, 1, "no"), 2, "UTF-8"),
        (
            ModuleNotFoundError("none", name="matplotlib.figure"),
            1,
            "Run pip install 'glf_tf[plots]'",
        ),
        (
            ModuleNotFoundError("none", name="tensorflow_datasets"),
            1,
            "Run pip install 'glf_tf[tfds]'",
        ),
    ],
)
def test_what_a_user_can_cause_ends_in_one_line(alone, capsys, error, status, word):
    with pytest.raises(SystemExit) as ended:
        program.run(failing(error), tensorflow=False)
    message = capsys.readouterr().err
    assert ended.value.code == status
    assert re.fullmatch(r"error: .+\. Received: .+\. .+\.\n", message)
    assert word in message


def test_memory_of_tensorflow_is_memory(alone, capsys):
    import tensorflow as tf

    error = tf.errors.ResourceExhaustedError(None, None, "OOM")
    with pytest.raises(SystemExit):
        program.run(failing(error), tensorflow=False)
    assert "fit into memory. Received: OOM" in capsys.readouterr().err


@pytest.mark.parametrize(
    "error", [KeyError("x"), ModuleNotFoundError("none", name="glf_tf.nothing")]
)
def test_a_bug_keeps_its_stack_trace(alone, error):
    with pytest.raises(type(error)):
        program.run(failing(error), tensorflow=False)


def test_help_may_be_read_in_part_but_must_not_be_lost():
    tool = [sys.executable, str(calls.ROOT / "tools/train.py"), "--help"]
    reader, writer = os.pipe()
    os.close(reader)
    full = os.open("/dev/full", os.O_WRONLY)
    message = rb"error: .+\. Received: .+\. .+\.\n"
    for output, status, said in ((writer, 0, b""), (full, 1, message)):
        env = {**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii"}
        done = subprocess.run(
            tool, stdout=output, stderr=subprocess.PIPE, env=env, check=False
        )
        assert done.returncode == status
        assert re.fullmatch(said, done.stderr)


@pytest.mark.parametrize("closed", ["1>&-", "1>/dev/full", "1>&- 2>&-"])
def test_a_short_line_that_nobody_takes_is_reported_once(closed):
    source = "from glf_tf.cli import program as p; "
    source += "p.run(lambda: print('x'), tensorflow=False)"
    command = ["sh", "-c", f'"$0" -c "$1" {closed}', sys.executable, source]
    done = subprocess.run(command, stderr=subprocess.PIPE, cwd=calls.ROOT, check=False)
    assert done.returncode == 1
    message = b"" if "2>" in closed else rb"error: .+\. Received: .+\. .+\.\n"
    assert re.fullmatch(message, done.stderr)


PATHS = {
    *("workdir", "data_dir", "cache_dir", "output", "out", "runs", "recipes"),
    *("records", "against", "samples", "saved_model", "inception_graph", "start_from"),
    *("peers_python", "mask.file", "images"),
}


@pytest.mark.parametrize("tool", TOOLS)
def test_every_path_may_begin_with_a_tilde(tool):
    """Seen where a home folder is not known: each path flag says so by itself."""
    message = calls.call(tool, "--mask=picture", "--help").output or (
        calls.call(tool, "--help").output
    )
    names = re.findall(r"^  --([\w.]+)=PATH\b", message, re.MULTILINE)
    assert set(names) & PATHS
    for name in set(names) & PATHS:
        extra = ("--mask=picture",) if name == "mask.file" else ()
        done = calls.call(tool, *extra, f"--{name}=~nobody_of_this_name/x")
        assert done.status == 2
        assert f"--{name}=~nobody" in done.stderr
        assert "home folder" in done.stderr


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for words in (["--workdir=~/r"], ["--workdir", "~/r"]):
        done = calls.call("sample", *words)
        assert f"Received: {tmp_path}/r, which has no run.json" in done.stderr
    done = calls.call("plot", "--runs=~/a,~/b")
    assert f"Received: {tmp_path}/a," in done.stderr


@pytest.mark.parametrize("tool", TOOLS)
def test_help_is_of_the_tools_own_flags_in_every_spelling(tool):
    first = calls.call(tool, "--help")
    assert first.status == 0
    assert "undefok" not in first.output
    for spelling in ("-help", "-h", "--helpfull"):
        assert calls.call(tool, spelling) == first
