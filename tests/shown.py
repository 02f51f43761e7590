# SPDX-License-Identifier: Apache-2.0
"""The commands that documents, and the docstrings of tools, show."""

__all__ = [
    "DOCUMENTS",
    "ROOT",
    "TOOLS",
    "commands",
    "in_prose",
    "of_make",
    "prose",
    "runnable",
    "texts",
]

import pathlib
import re
import shlex
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
TOOLS = sorted(ROOT.glob("tools/*.py"))

_RUN = "runs/glf/digits"
_COMMAND = (
    r"^ +(?:srun .*?)?(?:python tools/([\w/]+)\.py"
    r"|(?:python -m glf_tf|glf-tf) (\w+))(.*)$"
)
_IN_PROSE = (
    rf"^(?:python )?(?:tools/)?({'|'.join(tool.stem for tool in TOOLS)})(?:\.py)? "
    r"(--[^|]*)$"
)
_WHERE = r"--(output|out|workdir|runs)="
"""Flags that say where, and not what."""


def texts() -> Iterator[str]:
    """Every text that shows commands, but for the headers of recipes."""
    for path in [*DOCUMENTS, *TOOLS, ROOT / "glf_tf/cli/command.py"]:
        yield path.read_text()


def commands(text: str) -> Iterator[tuple[str, list[str]]]:
    """The tools that lines of a text call, by script or by name, and their words."""
    text = re.sub(r"\\\n\s*", " ", text)
    for script, name, rest in re.findall(_COMMAND, text, re.MULTILINE):
        words = [item for item in shlex.split(rest, comments=True) if item != "..."]
        yield script or name, words


def in_prose(text: str) -> Iterator[tuple[str, list[str]]]:
    """Those between backquotes, and the flags to which they give a value.

    One that is written as a placeholder, such as RUN, is left out.
    """
    for item in re.findall(r"`([^`]+)`", prose(text)):
        if match := re.match(_IN_PROSE, " ".join(item.split())):
            words = [word for word in match[2].split() if "=" in word]
            yield match[1], [word for word in words if not re.search("=[A-Z_]+$", word)]


def of_make(text: str) -> Iterator[list[str]]:
    """What make is called with, in lines and between backquotes."""
    for line in re.findall(r"(?:^ +|`)make( [^`#\n]*)", text, re.MULTILINE):
        yield re.split(" {2}", line.strip())[0].split()


def prose(text: str) -> str:
    """A text without what it quotes as blocks of code."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"^    .*$", "", text, flags=re.MULTILINE)


def runnable() -> list[tuple[str, list[str]]]:
    """The commands that load the run of the first example, and are done in seconds.

    All that tools say of themselves, and each of the documents that says something to
    its tool that none before it says.
    """
    found = [
        (tool.stem, words)
        for tool in TOOLS
        for name, words in commands(_docstring(tool))
        if name == tool.stem
    ]
    known = {(tool, word) for tool, words in found for word in words}
    kept = [item for item in found if _is_runnable(*item)]
    for tool, words in (item for path in DOCUMENTS for item in commands(_text(path))):
        new = {(tool, word) for word in words if not re.match(_WHERE, word)} - known
        if new and _is_runnable(tool, words):
            kept.append((tool, words))
            known |= new
    return kept


def _is_runnable(tool, words) -> bool:
    its_own = any(re.fullmatch(rf"--(workdir|runs)={_RUN}", word) for word in words)
    return its_own and tool != "train" and "/" not in tool


def _docstring(path: pathlib.Path) -> str:
    return _text(path).split('"""')[1]


def _text(path: pathlib.Path) -> str:
    return path.read_text()
