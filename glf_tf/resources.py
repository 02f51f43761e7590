# SPDX-License-Identifier: Apache-2.0
"""What comes with the library beside its modules: recipes, presets, tables and tools.

In a clone they are the top-level folders `flags/`, `presets/`, `reproduce/` and
`tools/`; a wheel carries them inside the package, as `glf_tf/flags/` and so on.
"""

__all__ = [
    "CLASSIFIERS",
    "IS_INSTALLED",
    "PRESETS",
    "RECIPES",
    "TABLES",
    "TOOLS",
    "advice",
    "presets",
    "recipe",
    "recipes",
    "tables",
    "tools",
]

import pathlib

from glf_tf import errors

_PACKAGE = pathlib.Path(__file__).parent

IS_INSTALLED = (_PACKAGE / "flags").is_dir()
"""Whether the package came as a wheel, so that there is no clone around it."""

_PARENT = _PACKAGE if IS_INSTALLED else _PACKAGE.parent

RECIPES = _PARENT / "flags"
"""The folder of the recipes."""

PRESETS = _PARENT / "presets"
"""The folder of the presets, which are trained models."""

CLASSIFIERS = PRESETS / "classifiers"
"""The folder of the classifiers whose features distances are measured by."""

TABLES = _PARENT / "reproduce"
"""The folder of the tables of measurements."""

TOOLS = _PARENT / "tools"
"""The folder of the tools."""


def recipes() -> dict[str, pathlib.Path]:
    """Returns the files of the recipes by their names, such as "glf/digits"."""
    files = sorted(RECIPES.glob("*/*.cfg"))
    return {f"{file.parent.name}/{file.stem}": file for file in files}


def recipe(name: str) -> pathlib.Path:
    """Returns the file of a recipe.

    Args:
        name: Its folder and name, such as "glf/digits".

    Raises:
        InvalidValue: There is none of that name.
    """
    known = recipes()
    if name not in known:
        raise errors.InvalidValue(
            "--recipe names a recipe of the library; --flagfile takes a path",
            received=f"--recipe={name}",
            do=advice(name),
        )
    return known[name]


def advice(name: str) -> str:
    """Returns what to do about a recipe of an unknown name."""
    whole = [other for other in recipes() if not other.startswith("base/")]
    return f"{errors.question(errors.near(name, whole))}`glf-tf recipes` lists all"


def presets() -> dict[str, pathlib.Path]:
    """Returns the folders of the presets by their names, such as "glf/digits"."""
    found = sorted(file.parent for file in PRESETS.glob("*/*/preset.json"))
    return {f"{folder.parent.name}/{folder.name}": folder for folder in found}


def tools() -> dict[str, pathlib.Path]:
    """Returns the files of the tools by their names, such as "train"."""
    return {file.stem: file for file in sorted(TOOLS.glob("*.py"))}


def tables() -> dict[str, pathlib.Path]:
    """Returns the files of the tables by their names, such as "sharpening_digits"."""
    return {file.stem: file for file in sorted(TABLES.glob("*.toml"))}
