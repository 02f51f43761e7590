# SPDX-License-Identifier: Apache-2.0
"""Reads the options of a class from the signature of its constructor."""

__all__ = ["options_of"]

import inspect
from collections.abc import Mapping
from typing import Any

from glf_tf import signatures
from glf_tf.catalogue import annotations, docstrings
from glf_tf.catalogue.kinds import KINDS
from glf_tf.catalogue.option import Option

_NEVER = ("name", "dtype", "trainable")
"""Keywords of Keras' layers and models, which are not options of a part."""


def options_of(cls: type) -> dict[str, Option]:
    """Returns the options of a class: its constructor's keywords that have defaults.

    A constructor that passes on `**kwargs` also has the keywords of the next one,
    except for those that it passes itself.
    """
    texts = docstrings.arguments_of(cls)
    kind = getattr(cls, "part_kind", None)  # encoders may be layers of Keras
    never = (*_NEVER, *(KINDS[kind].decided if kind else ()))
    return {
        keyword.name: _option(keyword, help_text=texts.get(keyword.name, ""))
        for keyword in signatures.keywords(cls)
        if keyword.name not in never and not keyword.is_decided
    }


def _option(keyword: signatures.Keyword, *, help_text: str) -> Option:
    hints = signatures.hints_of(vars(keyword.owner)["__init__"])
    hint = hints.get(keyword.name, inspect.Parameter.empty)
    values = annotations.values_of(hint, default=keyword.raw_default)
    default = keyword.default
    if values["kind"] == "part" and not _names_part(default):
        values = {"kind": "object"}
    return Option(name=keyword.name, default=default, help=help_text, **values)


def _names_part(default: Any) -> bool:
    """Returns whether a default can be given as text, unlike an object."""
    return default is None or isinstance(default, (str, Mapping))
