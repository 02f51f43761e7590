# SPDX-License-Identifier: Apache-2.0
"""Reads specifications, a name or `{"name": ..., options}`, and builds their parts."""

__all__ = ["build", "completed", "former", "name_of", "origins"]

import enum
import importlib
import inspect
import pathlib
import reprlib
from collections.abc import Mapping
from typing import Any

from glf_tf import errors
from glf_tf.catalogue import finding
from glf_tf.catalogue.option import Option

_FORMER = {("model", "vae"): {"beta": "kl_weight"}}
"""Renamed options, by part: `{(kind, part): {former: present}}`.

Older recipes, run folders and `.keras` files have the former names.
"""


def former(kind: str, name: str) -> Mapping[str, str]:
    """Returns `{former name: present name}` of the options of a part."""
    return _FORMER.get((kind, name), {})


def name_of(spec: str | Mapping[str, Any]) -> str:
    """Returns the name in a specification.

    Raises:
        InvalidValue: There is none, or it is no text.
    """
    name = spec if isinstance(spec, str) else spec.get("name")
    if not isinstance(name, str):
        raise errors.InvalidValue(
            "The specification of a part has its name",
            received=f"{reprlib.repr(dict(spec))}",
            do='Write for instance {"name": "real_nvp", "blocks": 4}',
        )
    return name


def build(kind: str, spec: str | Mapping[str, Any], **fixed: Any) -> Any:
    """Builds the part of a specification.

    Args:
        kind: One of `KINDS`, such as "flow".
        spec: A name, or a mapping with `name` and options.
        **fixed: Arguments that the caller sets, such as the latent size; `name`, which
            Keras gives to layers, is only passed if the constructor takes it.

    Raises:
        InvalidValue: The name or an option is unknown, a value is not one of the
            option's, or the constructor needs other arguments.
    """
    chosen = _renamed(kind, spec)
    name = chosen.pop("name", "")
    known = finding.options(kind, name)
    for option, value in chosen.items():
        if option not in known:
            raise errors.InvalidValue(
                f"The {kind} {name} must have the option",
                received=f"{option}={value!r}",
                do=errors.suggestion(option, known),
            )
        chosen[option] = _made(known[option], value)
    cls = finding.load(kind, name)
    arguments = {**fixed, **chosen}
    if not _takes_name(cls):
        arguments.pop("name", None)
    _check_call(kind, cls, arguments)
    return cls(**arguments)


def completed(
    kind: str, spec: str | Mapping[str, Any], *, plugins: bool = True
) -> dict[str, Any]:
    """Returns a specification with all options, adding defaults.

    So specifications of a part can be compared even if one was written before the part
    had all its options. A part or option that does not exist is kept as it is.

    Args:
        kind: One of `KINDS`, such as "model".
        spec: A name, or a mapping with `name` and options.
        plugins: Whether to add defaults of plug-ins as well, which imports them.
    """
    given = _renamed(kind, spec)
    name = given["name"]
    is_plugin = plugins and finding.is_plugin(kind, name)
    if name not in finding.names(kind) and not is_plugin:
        return given
    for option in finding.options(kind, name).values():
        value = given.get(option.name, option.default)
        if option.is_part and isinstance(value, (str, Mapping)):
            value = completed(option.part, value, plugins=plugins)
        elif isinstance(value, enum.Enum):
            value = value.value
        elif isinstance(value, pathlib.PurePath):
            value = str(value)
        if option.is_flag or option.name in given:
            given[option.name] = value
    return given


def origins(kind: str, spec: str | Mapping[str, Any]) -> list[dict[str, str]]:
    """Returns the origins of the plug-ins in a specification, without repetition.

    Args:
        kind: One of `KINDS`, such as "model".
        spec: A name, or a mapping with `name` and options.

    Returns:
        origins: `kind`, `name` and the fields of `origin`, in the order of the
            specification.
    """
    whole = completed(kind, spec)
    name = whole["name"]
    if name not in finding.names(kind) and not finding.is_plugin(kind, name):
        return []
    found = []
    if origin := finding.origin(kind, name):
        found.append({"kind": kind, "name": name, **origin})
    for option in finding.options(kind, name).values():
        value = whole.get(option.name)
        if option.is_part and isinstance(value, (str, Mapping)):
            found += origins(option.part, value)
    return [value for place, value in enumerate(found) if value not in found[:place]]


def _renamed(kind: str, spec: str | Mapping[str, Any]) -> dict[str, Any]:
    """Returns a specification as a mapping, with the present names of options."""
    given = {"name": spec} if isinstance(spec, str) else dict(spec)
    if not isinstance(given.get("name"), str):
        raise errors.InvalidValue(
            f"The specification of a {kind} has its name and options",
            received=repr(spec),
            do=f"Pass for instance {{'name': {finding.names(kind)[0]!r}}}",
        )
    for old, new in former(kind, given.get("name", "")).items():
        if old in given:
            given[new] = given.pop(old)
    return given


def _made(option: Option, value: Any) -> Any:
    """Returns the value for the constructor, such as a member of an enumeration."""
    if not option.made_by or value is None:
        return value
    module, _, name = option.made_by.partition(":")
    cls: Any = importlib.import_module(module)
    for part in name.split("."):
        cls = getattr(cls, part)
    try:
        return tuple(map(cls, value)) if option.is_sequence else cls(value)
    except (TypeError, ValueError) as error:
        raise errors.InvalidValue(
            f"`{option.name}` must be one of its values",
            received=f"{option.name}={value!r}",
            do=errors.suggestion(str(value), map(str, option.choices)),
        ) from error


def _takes_name(cls: type) -> bool:
    parameters = inspect.signature(cls.__init__).parameters
    kinds = {parameter.kind for parameter in parameters.values()}
    return "name" in parameters or inspect.Parameter.VAR_KEYWORD in kinds


def _check_call(kind: str, cls: type, arguments: Mapping[str, Any]) -> None:
    """Checks that a constructor can be called with the arguments."""
    try:
        inspect.signature(cls.__init__).bind(None, **arguments)
    except TypeError as error:
        raise errors.InvalidValue(
            f"A {kind}'s constructor takes {', '.join(arguments) or 'no arguments'}, "
            "and requires no others",
            received=f"{cls.__module__}:{cls.__qualname__} ({error})",
            do="Give all other arguments a default",
        ) from error
