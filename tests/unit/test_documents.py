# SPDX-License-Identifier: Apache-2.0
"""What the documents name exists: files, headings, tools, flags and their values."""

import functools
import json
import re
import shutil
import subprocess
import sys

import pytest

from glf_tf import catalogue, resources
from glf_tf.evidence import documents, evaluations, table_reader
from tests import shown
from tests.conformance import test_layering
from tests.shown import DOCUMENTS, ROOT, TOOLS

BENCHMARKS = [ROOT / f"tools/benchmarks/{n}.py" for n in ("serving", "serving_load")]
"""Scripts that documents call, beside the tools."""

OTHERS = {"kills", "pictures", "requeue", "logdir"} | {
    *("help", "flagfile", "recipe", "version"),
}
"""Flags of pytest, Slurm, TensorBoard, and of every tool, that documents name."""

FLAG = r"--([\w.]*\w)"

INVENTED = r"--\w+=my_\w+:\w+$"
"""The choice of a part that a reader of the documents would write."""

# Parses each command line in a process of its own, as a second one would define its
# flags again. Nothing loads TensorFlow, and no tool does anything.
PROGRAM = """
import json, os, runpy, sys
from glf_tf import errors
from glf_tf.cli import program

def parse(main, *, define=None, tensorflow=True):
    for command in json.loads(sys.stdin.read()):
        sys.stdout.flush()
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            continue
        try:
            program.parse([sys.argv[0], *command], define=define)
            names = [flag.name for flag in program.own_flags()]
            print(json.dumps({"flags": names}), flush=True)
        except errors.UserError as error:
            print(json.dumps({"command": command, "error": str(error)}), flush=True)
        finally:
            os._exit(0)

program.run = parse
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@functools.cache
def parsed(tool):
    """What became of each command line of a tool that is shown: its flags, or errors.

    The last one is that of no flags at all.
    """
    name = tool.relative_to(ROOT / "tools").with_suffix("").as_posix()
    lines = [words for called, words in all_commands() if called == name]
    assert lines, "no document shows how to use it"
    path = f"import sys; sys.argv = ['tools/{name}.py']; sys.path[:0] = ['tools']\n"
    done = subprocess.run(
        [sys.executable, "-c", path + PROGRAM],
        input=json.dumps([*lines, []]),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(results) == len(lines) + 1
    return results


@functools.cache
def all_commands():
    """All that is shown, in lines and in prose, but for parts that are invented."""
    found = [item for text in shown.texts() for item in shown.commands(text)]
    found += [item for path in DOCUMENTS for item in shown.in_prose(path.read_text())]
    return [
        (tool, [word for word in words if not re.match(INVENTED, word)])
        for tool, words in found
    ]


def test_every_tool_that_is_called_exists(record_property):
    called = {name for name, _ in all_commands()}
    missing = {name for name in called if not (ROOT / f"tools/{name}.py").exists()}
    assert missing <= {"recipes", "presets"}  # of `glf-tf` alone
    count, run = len(all_commands()), len(shown.runnable())
    told = f"{count} calls of tools are shown, and read; {run} are run"
    record_property("told", told)


@pytest.mark.parametrize("tool", [*TOOLS, *BENCHMARKS], ids=lambda tool: tool.stem)
def test_every_command_that_is_shown_can_be_read(tool):
    assert [result for result in parsed(tool) if "error" in result] == []


def test_commands_are_shown_in_lines_that_are_read():
    """Which are indented, and in no fence."""
    for path in DOCUMENTS:
        assert not re.search(r"^```(sh|bash|shell|console)", path.read_text(), re.M)
        assert not re.search(r"^(python tools/|glf-tf )", path.read_text(), re.M), path


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_what_make_is_called_with_exists():
    makefile = (ROOT / "Makefile").read_text()
    calls = {tuple(w) for path in DOCUMENTS for w in shown.of_make(path.read_text())}
    for words in sorted(calls):
        for name in (word.partition("=")[0] for word in words if "=" in word):
            assert re.search(rf"\$[({{]{name}\b", makefile), name
        done = subprocess.run(
            ["make", "--dry-run", *words],
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
        )
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["BUILD.md", "docs/own_parts.md"])
def test_a_command_with_a_part_of_ones_own_is_whole(name):
    found = [
        " ".join(words)
        for tool, words in shown.commands((ROOT / name).read_text())
        if tool == "train" and any(re.match(INVENTED, word) for word in words)
    ]
    assert found
    for command in found:
        assert "--workdir=" in command
        assert re.search("--flagfile=|--epochs=.*--batch_size=", command)


def test_the_headers_of_recipes_name_their_own_file():
    for path in ROOT.glob("flags/*/*.cfg"):
        if path.parent.name in ("base", "prior", "sharpen"):  # parts of recipes
            continue
        # What they set is read in tests/conformance/test_flagfiles.py.
        own = f"python tools/train.py --flagfile={path.relative_to(ROOT)} "
        assert own in path.read_text(), path


def code(path):
    """The words in a document that stand between backquotes."""
    return [
        word
        for item in re.findall(r"`([^`]+)`", shown.prose(path.read_text()))
        for word in item.split()
    ]


@pytest.fixture(scope="module")
def known_flags():
    """The names of all options of all parts, and of the tools' own flags."""
    options = {
        option
        for kind in catalogue.KINDS
        for name in catalogue.names(kind)
        for option in catalogue.options(kind, name)
    }
    tools = {
        flag for tool in [*TOOLS, *BENCHMARKS] for flag in parsed(tool)[-1]["flags"]
    }
    return options | tools | OTHERS


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_flags_that_are_named_exist(path, known_flags):
    named = [match[1] for word in code(path) if (match := re.match(FLAG, word))]
    unknown = [
        flag
        for flag in named
        if not {flag, last(flag), last(flag.removeprefix("no"))} & known_flags
    ]
    assert unknown == []


def last(flag):
    """The option that a dotted flag names: "hidden" of "network.hidden"."""
    return flag.rpartition(".")[2]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_links_and_pictures_exist(path):
    text = path.read_text()
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    for target in targets:
        if re.match(r"\w+:", target):
            continue
        file, _, anchor = target.partition("#")
        found = path.parent / file if file else path
        assert found.exists(), target
        assert not anchor or anchor in headings(found), target


def headings(path):
    """What GitHub calls the headings of a document in links."""
    lines = re.findall(r"^#+ (.*)$", path.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", line.lower()).replace(" ", "-") for line in lines}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_files_that_are_named_exist(path):
    named = [
        word.rstrip(".,:;")
        for word in code(path)
        if re.match(r"(flags|glf_tf|tests|tools|docs)/[\w./*-]+$", word)
    ]
    invented = "foo"  # in BUILD.md's examples
    missing = [
        item for item in named if invented not in item and not list(ROOT.glob(item))
    ]
    assert missing == []


def test_the_picture_of_the_layers_is_the_law():
    (picture,) = re.findall(
        r"^## Layers$.*?^```$(.*?)^```$",
        (ROOT / "BUILD.md").read_text(),
        flags=re.MULTILINE | re.DOTALL,
    )
    rows = re.sub(r"\(.*?\)", "", picture).strip().splitlines()
    shown = [{name.strip() for name in row.split("·")} for row in rows]
    assert shown == list(reversed(test_layering.ROWS))


def test_every_picture_is_shown():
    shown = " ".join(path.read_text() for path in DOCUMENTS)
    pictures = [path.name for path in ROOT.glob("docs/images/*")]
    assert [name for name in pictures if name not in shown] == []


def test_tables_of_documents_are_those_of_the_records():
    records = resources.TABLES / "records"

    def table(name):
        found = table_reader.read(resources.tables()[name])
        return documents.to_markdown(found, folder=records)

    def evaluation(name):
        return evaluations.to_markdown(records / "evaluations" / name)

    render = {"table": table, "evaluation": evaluation}
    for path in DOCUMENTS:
        text = path.read_text()
        assert documents.updated(text, render=render) == text, path
