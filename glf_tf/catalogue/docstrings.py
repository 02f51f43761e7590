# SPDX-License-Identifier: Apache-2.0
"""Reads the descriptions of arguments and attributes from docstrings."""

__all__ = ["arguments_of", "described"]

import inspect
import re


def described(docstring: str, *, section: str) -> dict[str, str]:
    """Returns `{name: text}` of a section, such as "Args", of a docstring."""
    body = re.search(
        rf"^{section}:\n((?:[ ]{{4}}.*\n?|\n)+)",
        inspect.cleandoc(docstring),
        flags=re.MULTILINE,
    )
    if body is None:
        return {}
    items = re.findall(
        r"^ {4}(\w+)(?: \([^)]*\))?: (.*(?:\n {8}.*)*)",
        body.group(1),
        flags=re.MULTILINE,
    )
    return {name: " ".join(text.split()) for name, text in items}


def arguments_of(cls: type) -> dict[str, str]:
    """Returns `{argument: text}` of a class's constructor, including inherited texts.

    They are in `Args` of the class or of its `__init__`, or in `Attributes` of a
    dataclass.
    """
    texts: dict[str, str] = {}
    for base in cls.__mro__:
        constructor = vars(base).get("__init__")
        for docstring in (
            vars(base).get("__doc__"),
            getattr(constructor, "__doc__", ""),
        ):
            for section in ("Args", "Attributes"):
                texts = described(docstring or "", section=section) | texts
    return texts
