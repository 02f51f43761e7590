# SPDX-License-Identifier: Apache-2.0
"""Bounds on what the specification of a part may ask for, before it is built."""

__all__ = [
    "MAX_SIZE",
    "MAX_WEIGHTS",
    "Wrong",
    "check_weights",
    "expect",
    "is_int",
    "part",
    "text",
    "whole",
]

import math
import re
from collections.abc import Callable, Mapping

from glf_tf import catalogue

MAX_WEIGHTS = 2**29
MAX_SIZE, _MAX_DEPTH, _MAX_STEPS = 2**16, 2**9, 10**7
_MAX_ITEMS = 64
_MAX_NESTING, _MAX_FOREIGN_NESTING = 16, 64

_DEPTHS = re.compile(r".*(blocks|flows|depth|levels|components|stride|pad)")
_STEPS = re.compile(r".*(steps|iterations|count|label)")
_SIZES_OF_PARTS = ("dataset", "mask")
"""Kinds whose sizes are those of images, not of weights."""


class Wrong(Exception):  # noqa: N818 - becomes an error with the file's name
    """What is wrong with a value."""


def expect(is_right: bool, at: str, wanted: str, found: object) -> None:  # noqa: FBT001
    """Raises `Wrong` where a value is not as it must be.

    Args:
        is_right: Whether it is.
        at: Where it stands, such as "model.flow.blocks".
        wanted: What it must be.
        found: What it is.
    """
    if not is_right:
        raise Wrong(f"{at} must be {wanted}, and is {str(found)[:60]}")


def is_int(value: object) -> bool:
    """Returns whether a value is a whole number, and no truth value."""
    return isinstance(value, int) and not isinstance(value, bool)


def whole(low: int, high: int) -> Callable:
    """Returns a check of whole numbers, both ends included."""

    def check(value: object, *, at: str) -> None:
        wanted = f"a whole number from {low} to {high:,}"
        expect(is_int(value) and low <= value <= high, at, wanted, value)

    return check


def text(value: object, *, at: str) -> None:
    """Checks that a value is text."""
    expect(isinstance(value, str), at, "text", value)


def part(kind: str, spec: object, *, at: str, nesting: int = 0) -> dict:
    """Checks a part's specification, and returns it with all options."""
    expect(nesting < _MAX_NESTING, at, f"nested {_MAX_NESTING} deep at most", "deeper")
    spec = {"name": spec} if isinstance(spec, str) else spec
    is_part = isinstance(spec, dict) and isinstance(spec.get("name"), str)
    expect(is_part, at, "a name, or an object with one", spec)
    if spec["name"] not in catalogue.names(kind):
        _foreign(spec, at=at, nesting=nesting)
        return spec  # checked when it is built
    known = catalogue.options(kind, spec["name"])
    for name, value in spec.items():
        option = known.get(name)
        if option is None:
            continue
        if option.is_part and not (value is None and option.is_optional):
            part(option.part, value, at=f"{at}.{name}", nesting=nesting + 1)
        else:
            _option(option, value, at=f"{at}.{name}")
    return catalogue.completed(kind, spec, plugins=False)


def _foreign(value: object, *, at: str, nesting: int) -> None:
    """Checks the arguments of a plug-in, without importing it.

    Built-in parts among them are checked as everywhere.
    """
    wanted = f"nested {_MAX_FOREIGN_NESTING} deep at most"
    expect(nesting < _MAX_FOREIGN_NESTING, at, wanted, "deeper")
    if isinstance(value, (list, dict)):
        expect(len(value) <= MAX_SIZE, at, f"of {MAX_SIZE} items at most", len(value))
    if isinstance(value, list):
        for item in value:
            _foreign(item, at=at, nesting=nesting + 1)
    elif isinstance(value, dict):
        for name, item in value.items():
            where = f"{at}.{name}"
            built_in = _kinds_of(item)
            for kind in built_in:
                part(kind, item, at=where, nesting=nesting + 1)
            if not built_in:
                _foreign(item, at=where, nesting=nesting + 1)
    elif is_int(value):
        whole(-(2**63), 2**63 - 1)(value, at=at)
    elif isinstance(value, float):
        expect(math.isfinite(value), at, "a finite number", value)


def _kinds_of(value: object) -> list[str]:
    """Returns the kinds of built-in parts of which a value may be a specification.

    Configurations of Keras layers also have names, but other keys as well.
    """
    name = value.get("name") if isinstance(value, dict) else None
    if not isinstance(name, str):
        return []
    return [
        kind
        for kind in catalogue.KINDS
        if name in catalogue.names(kind)
        and set(value) <= {"name", *catalogue.options(kind, name)}
    ]


def _option(option: catalogue.Option, value: object, *, at: str) -> None:
    if value is None and option.is_optional:
        return
    if option.is_sequence:
        is_list = isinstance(value, list) and len(value) <= _MAX_ITEMS
        expect(is_list, at, f"a list of {_MAX_ITEMS} values at most", value)
        is_long = option.length in (None, len(value))
        expect(is_long, at, f"of {option.length} values", value)
    low = 0 if option.is_sequence else -_bound(option.name)
    for item in value if option.is_sequence else [value]:
        _CHECKS[option.kind](option, item, low=low, at=at)


def _integer(option: catalogue.Option, value: object, *, low: int, at: str) -> None:
    whole(low, _bound(option.name))(value, at=at)


def _number(option: catalogue.Option, value: object, *, low: int, at: str) -> None:
    del option, low
    is_number = is_int(value) or isinstance(value, float)
    expect(is_number and math.isfinite(value), at, "a finite number", value)


def _choice(option: catalogue.Option, value: object, *, low: int, at: str) -> None:
    del low
    choices = ", ".join(map(str, option.choices))
    expect(value in option.choices, at, f"one of {choices}", value)


def _instance(cls: type) -> Callable:
    def check(option: catalogue.Option, value: object, *, low: int, at: str) -> None:
        del low
        expect(isinstance(value, cls), at, f"of kind {option.kind}", value)

    return check


def _layer_path(option: catalogue.Option, value: object, *, low: int, at: str) -> None:
    del option, low
    expect(isinstance(value, (str, dict)), at, "a path or a layer's object", value)
    _foreign(value, at=at, nesting=0)


_CHECKS = {
    "int": _integer,
    "float": _number,
    "choice": _choice,
    "bool": _instance(bool),
    "str": _instance(str),
    "path": _instance(str),
    "object": _instance(object),
    "layer_path": _layer_path,
}


def _bound(name: str) -> int:
    """Returns the maximum of an integer option of this name."""
    if name.endswith("seed"):
        return 2**63 - 1
    if _STEPS.fullmatch(name):
        return _MAX_STEPS
    return _MAX_DEPTH if _DEPTHS.fullmatch(name) else MAX_SIZE


def check_weights(model: Mapping, *, arguments: Mapping) -> None:
    """Refuses sizes that are valid individually, but too large together.

    A lower bound of a part's weights is that of matrices of its largest size, as many
    as its depths state.
    """
    latent = model.get("latent_dim")
    latent = latent if is_int(latent) else 1
    numbers = arguments.get("event_dim") or math.prod(arguments["image_shape"])
    widest = max([latent, *_weights_of("model", model, latent=latent)])
    connections = {
        "an example's numbers and the largest size": numbers * widest,
        "num_images codes": arguments.get("num_images", 1) * latent,
    }
    for what, weights in connections.items():
        expect(weights <= MAX_WEIGHTS, what, "2**29 weights at most", weights)


def _weights_of(kind: str, spec: Mapping, *, latent: int, at: str = "model"):
    """Yields the sizes in a specification, and checks the weights of each part."""
    if spec["name"] not in catalogue.names(kind):
        for name, value in spec.items():
            for inner in _kinds_of(value):
                whole = catalogue.completed(inner, value, plugins=False)
                where = f"{at}.{name}"
                yield from _weights_of(inner, whole, latent=latent, at=where)
        return
    sizes, depth = [latent], 1
    for name, option in catalogue.options(kind, spec["name"]).items():
        value = spec[name]
        if option.is_part and option.part not in _SIZES_OF_PARTS:
            if not isinstance(value, (str, Mapping)):
                continue
            inner = catalogue.completed(option.part, value, plugins=False)
            at_inner = f"{at}.{name}"
            yield from _weights_of(option.part, inner, latent=latent, at=at_inner)
        elif is_int(value) and _DEPTHS.fullmatch(name):
            depth *= max(1, value)
        elif option.kind == "int" and _bound(name) == MAX_SIZE:
            sizes += value if isinstance(value, (list, tuple)) else [value or 1]
    weights = depth * max(sizes) * sorted([1, *sizes])[-2]
    expect(weights <= MAX_WEIGHTS, at, "of 2**29 weights at most", weights)
    yield from sizes
