# SPDX-License-Identifier: Apache-2.0
"""The command `glf-tf`: one subcommand per tool, and lists of recipes and presets.

    glf-tf train --recipe=glf/digits --workdir=runs/glf/digits
    glf-tf recipes
    glf-tf presets
    glf-tf presets glf/digits
    glf-tf --help

A subcommand runs the script in `tools/`, so that `python tools/train.py` in a clone and
`glf-tf train` are the same.
"""

__all__ = ["main"]

import ast
import itertools
import pathlib
import re
import runpy
import shutil
import sys
import textwrap

import glf_tf
from glf_tf import errors, resources
from glf_tf.cli import program
from glf_tf.experiments import presets

_HELP = {"help", "--help", "-help", "-h", "--helpshort", "--helpfull"}
_VERSION = {"version", "--version", "-version", "-V"}


def main() -> None:
    """Runs the tool named by the first argument, or prints help."""
    name, *rest = sys.argv[1:] or ["--help"]
    tools = resources.tools()
    if name in tools:
        _run(tools[name], rest)
        return
    with program.ending_in_one_line():
        program.print_for_reading(_answer(name, rest))


def _run(tool: pathlib.Path, arguments: list[str]) -> None:
    """Runs a script as `python tools/NAME.py` would."""
    sys.argv = [str(tool), *arguments]
    # Python itself puts the folder of a script here.
    sys.path.insert(0, str(tool.parent))
    runpy.run_path(str(tool), run_name="__main__")


def _answer(name: str, rest: list[str]) -> str:
    """Returns what the command prints if it runs no tool.

    Raises:
        InvalidValue: The subcommand is unknown, or takes other arguments.
    """
    if name in _LISTS:
        if len(rest) > 1 or any(w.startswith("-") for w in set(rest) - _HELP):
            raise errors.InvalidValue(
                f"glf-tf {name} takes one name, or none for all",
                received=" ".join(rest),
                do=f"Use for instance `glf-tf {name} glf/digits`",
            )
        asked = [word for word in rest if word not in _HELP]
        return _ONE_OF[name](*asked) if asked else _LISTS[name]()
    if name in _HELP and not rest:
        return _help()
    if name in _VERSION and not rest:
        return f"glf_tf {glf_tf.__version__}"
    known = [*resources.tools(), *_LISTS]
    near = errors.near(name, [other for other in known if other != name])
    raise errors.InvalidValue(
        "glf-tf takes a subcommand, followed by its flags",
        received=" ".join([name, *rest]),
        do=f"{errors.question(near)}`glf-tf --help` lists them",
    )


def _help() -> str:
    tools = resources.tools()
    lines = {name: _first_line(file.read_text()) for name, file in tools.items()}
    lines["recipes"] = (
        "Lists the recipes of the library, for --recipe, or those of a word such as "
        "folder, or shows one."
    )
    lines["presets"] = (
        "Lists trained models of the library, for --preset, or shows one."
    )
    return (
        f"{glf_tf.__doc__.splitlines()[0]}\n\n"
        "    glf-tf sample --preset=glf/digits --output=samples.png\n"
        "    glf-tf train --recipe=glf/digits --workdir=runs/glf/digits\n"
        "    glf-tf sample --workdir=runs/glf/digits --output=samples.png\n\n"
        f"{_table(lines)}\n\n"
        "`glf-tf SUBCOMMAND --help` lists its flags, `glf-tf --version` the version."
    )


def _recipes(word: str = "") -> str:
    """Returns the recipes in whose names there is a word, each with what it is."""
    lines = {}
    for name, file in resources.recipes().items():
        if word in name and not name.startswith("base/"):  # a part of the others
            lines[name] = _first_sentence(file.read_text())
    return _table(lines) if lines else ""


def _first_sentence(recipe: str) -> str:
    """Returns the first sentence of a recipe's header."""
    header = itertools.takewhile(lambda line: line.startswith("#"), recipe.splitlines())
    words = " ".join(line.removeprefix("#").strip() for line in header)
    return f"{re.split(r'[.] |  ', words)[0].rstrip('.')}."


def _presets() -> str:
    return "\n\n".join(map(str, presets.known().values()))


def _recipe(name: str) -> str:
    """Returns a recipe, or those in whose names there is a word, such as "folder"."""
    if name not in resources.recipes() and (listed := _recipes(name)):
        return listed
    return resources.recipe(name).read_text().rstrip()


def _preset(name: str) -> str:
    return str(presets.named(name))


_LISTS = {"recipes": _recipes, "presets": _presets}
"""What the library has, by the word that lists it."""

_ONE_OF = {"recipes": _recipe, "presets": _preset}
"""What shows one of them, by its name."""


def _first_line(source: str) -> str:
    """Returns the first line of a script's docstring, without running the script."""
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


def _table(lines: dict[str, str]) -> str:
    """Returns names and descriptions in two columns, as wide as the terminal."""
    indent = max(map(len, lines)) + 4
    width = shutil.get_terminal_size((88, 24)).columns
    return "\n".join(
        textwrap.fill(
            text,
            width=max(width, indent + 24),
            initial_indent=f"  {name}".ljust(indent),
            subsequent_indent=" " * indent,
            break_on_hyphens=False,
        )
        for name, text in lines.items()
    )
