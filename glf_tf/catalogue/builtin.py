# SPDX-License-Identifier: Apache-2.0
"""Finds the built-in parts by importing them; `index.py` stores the result.

A file of a part folder is a part if it holds a concrete public subclass of the kind's
base class. There is at most one. A class that cannot be chosen by name, since only one
model can train it, sets `is_selectable = False`.
"""

__all__ = ["candidates", "modules", "scanned"]

import functools
import importlib
import inspect

from glf_tf import errors, quiet
from glf_tf.catalogue.kinds import Kind


def modules(kind: Kind) -> tuple[str, ...]:
    """Returns the sorted names of the files in a kind's folder."""
    names = (file.stem for file in kind.path.glob("*.py"))
    return tuple(sorted(name for name in names if name != "__init__"))


def candidates(kind: Kind, module: str) -> list[type]:
    """Imports a file of a kind's folder; returns its parts, one or none."""
    quiet.load_tensorflow()
    found = importlib.import_module(f"glf_tf.{kind.folder}.{module}")
    return [
        value
        for name, value in vars(found).items()
        if not name.startswith("_")
        and isinstance(value, type)
        and value.__module__ == found.__name__
        and issubclass(value, kind.base)
        and not inspect.isabstract(value)
        and vars(value).get("is_selectable", True)
    ]


@functools.cache
def scanned(kind: Kind) -> dict[str, type]:
    """Returns `{name: class}` of the built-in parts of a kind, all imported.

    Raises:
        InvalidValue: A file has several.
    """
    found = {}
    for module in modules(kind):
        classes = candidates(kind, module)
        if len(classes) > 1:
            raise errors.InvalidValue(
                f"A file of glf_tf/{kind.folder} holds one {kind.name}",
                received=f"{module}.py with {', '.join(c.__name__ for c in classes)}",
                do="Give each a file of its own, or a name that begins with _",
            )
        if classes:
            (found[module],) = classes
    return found
