# SPDX-License-Identifier: Apache-2.0
"""What the documents name exists: files, headings, tools, flags and their values."""

import functools
import json
import pathlib
import re
import shlex
import subprocess
import sys

import pytest

from glf_tf import catalogue, resources
from glf_tf.evidence import documents, table_reader
from tests.conformance import test_layering

ROOT = pathlib.Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
TOOLS = sorted(ROOT.glob("tools/*.py"))

OTHERS = {"kills", "pictures", "requeue", "logdir"} | {
    *("help", "flagfile", "recipe", "version"),
}
"""Flags of pytest, Slurm, TensorBoard, and of every tool, that documents name."""

FLAG = r"--([\w.]*\w)"

INVENTED = r"--\w+=my_\w+:\w+$"
"""The choice of a part that a reader of the documents would write."""

COMMAND = (
    r"^ +(?:srun .*?)?(?:python tools/(\w+)\.py|(?:python -m glf_tf|glf-tf) (\w+))(.*)$"
)
"""A tool that is called, by its script or by its name, and its flags."""

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
    shown = [
        [word for word in words if not re.match(INVENTED, word)]
        for text in texts()
        for name, words in commands(text)
        if name == tool.stem
    ]
    assert shown, "no document shows how to use it"
    path = f"import sys; sys.argv = ['tools/{tool.name}']; sys.path[:0] = ['tools']\n"
    done = subprocess.run(
        [sys.executable, "-c", path + PROGRAM],
        input=json.dumps([*shown, []]),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(results) == len(shown) + 1
    return results


def commands(text):
    """The command lines of tools in a text, as lists of words."""
    text = re.sub(r"\\\n\s*", " ", text)
    for script, name, rest in re.findall(COMMAND, text, re.MULTILINE):
        words = [item for item in shlex.split(rest, comments=True) if item != "..."]
        yield script or name, words


def texts():
    """Every text that shows commands, but for the headers of recipes."""
    for path in [*DOCUMENTS, *TOOLS, ROOT / "glf_tf/cli/command.py"]:
        yield path.read_text()


def test_every_subcommand_that_is_shown_exists():
    shown = {name for text in texts() for name, _ in commands(text)}
    assert shown - {tool.stem for tool in TOOLS} <= {"recipes", "presets"}


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.stem)
def test_every_command_that_is_shown_can_be_read(tool):
    assert [result for result in parsed(tool) if "error" in result] == []


@pytest.mark.parametrize("name", ["BUILD.md", "docs/own_parts.md"])
def test_a_command_with_a_part_of_ones_own_is_whole(name):
    found = [
        " ".join(words)
        for tool, words in commands((ROOT / name).read_text())
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


def prose(path):
    """A document without what it quotes as blocks of code."""
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"^    .*$", "", text, flags=re.MULTILINE)


def code(path):
    """The words in a document that stand between backquotes."""
    return [
        word for item in re.findall(r"`([^`]+)`", prose(path)) for word in item.split()
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
    tools = {flag for tool in TOOLS for flag in parsed(tool)[-1]["flags"]}
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
    def render(name):
        table = table_reader.read(resources.tables()[name])
        return documents.to_markdown(table, folder=resources.TABLES / "records")

    for path in DOCUMENTS:
        text = path.read_text()
        assert documents.updated(text, render=render) == text, path
