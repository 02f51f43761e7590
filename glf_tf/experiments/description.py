# SPDX-License-Identifier: Apache-2.0
"""What `run.json` may say: its kinds of values, and bounds on what they ask for.

Whoever loads a run builds what its description names. So a description that is cut off,
changed, or somebody's trap is refused before memory or time is spent on it: a file of
more than 16 MiB, a size of more than 65,536, a depth of more than 512, steps of more
than 10,000,000, and a part or an image with more than 2**28 weights or connections.
"""

__all__ = ["read"]

import json
import math
import pathlib
import re
from collections.abc import Callable, Mapping

from glf_tf import catalogue, errors, files

MAX_BYTES = 16 * 2**20
MAX_WEIGHTS = 2**28
_MAX_SIZE, _MAX_DEPTH, _MAX_STEPS = 2**16, 2**9, 10**7
_MAX_ITEMS = 64
_MAX_NESTING, _MAX_FOREIGN_NESTING = 16, 64

_DEPTHS = re.compile(r".*(blocks|flows|depth|levels|components|stride|pad)")
_STEPS = re.compile(r".*(steps|iterations|count|label)")
_SIZES_OF_PARTS = ("dataset", "mask")
"""Kinds whose sizes are those of images, and no weights'."""


def read(file: pathlib.Path) -> dict:
    """Returns a description; its parts have all their options.

    Raises:
        FileNotFoundError: There is no such file.
        Damaged: It says what no description says.
    """
    found = _load(file)
    try:
        return _checked(found)
    except _Wrong as wrong:
        raise _damaged(file, str(wrong)) from wrong


class _Wrong(Exception):  # noqa: N818 - becomes an error with the file's name
    """What is wrong with a value."""


def _load(file: pathlib.Path) -> object:
    try:
        with files.open_regular(file) as stream:
            data = stream.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise _damaged(file, f"more than {MAX_BYTES} bytes")
        return json.loads(data)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, errors.UserError):
            raise
        what = getattr(error, "strerror", None) or "no JSON, or cut off"
        raise _damaged(file, what) from error


def _damaged(file: pathlib.Path, what: str) -> errors.Damaged:
    return errors.Damaged(
        "A run's folder describes the run in run.json, and once more in run.copy.json",
        received=f"{file}: {what}",
        do="Restore one of the two from a copy of the folder, or use another --workdir",
    )


def _checked(found: object) -> dict:
    _expect(isinstance(found, dict), "run.json", "an object", found)
    for key in _KEYS:
        _expect(key in found, key, "there", "nothing")
    parts = {kind: _part(kind, found[kind], at=kind) for kind in ("dataset", "model")}
    for key, check in (_KEYS | _OPTIONAL).items():
        if key in found:
            check(found[key], at=key)
    _check_weights(parts["model"], arguments=found["arguments"])
    return {"data_dir": "", "history": [], **found, **parts}


def _expect(is_right: bool, at: str, wanted: str, found: object) -> None:  # noqa: FBT001
    if not is_right:
        raise _Wrong(f"{at} must be {wanted}, and is {str(found)[:60]}")


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _whole(low: int, high: int) -> Callable:
    def check(value: object, *, at: str) -> None:
        wanted = f"a whole number from {low} to {high:,}"
        _expect(_is_int(value) and low <= value <= high, at, wanted, value)

    return check


def _text(value: object, *, at: str) -> None:
    _expect(isinstance(value, str), at, "text", value)


def _arguments(value: object, *, at: str) -> None:
    _expect(isinstance(value, dict), at, "an object", value)
    shape = value.get("image_shape")
    is_shape = isinstance(shape, list) and len(shape) == 3 and all(map(_is_int, shape))
    _expect(is_shape, f"{at}.image_shape", "three whole numbers", shape)
    for number in shape:
        _whole(1, _MAX_SIZE)(number, at=f"{at}.image_shape")
    _expect(math.prod(shape) <= 2**24, f"{at}.image_shape", "2**24 numbers", shape)
    if "num_images" in value:
        _whole(1, MAX_WEIGHTS)(value["num_images"], at=f"{at}.num_images")


def _data(value: object, *, at: str) -> None:
    _expect(isinstance(value, dict), at, "an object", value)
    for split, one in value.items():
        _expect(isinstance(one, dict), f"{at}.{split}", "an object", one)
        for name, fact in one.items():
            kind = int if name == "images" else str
            is_right = isinstance(fact, kind) and not isinstance(fact, bool)
            _expect(is_right, f"{at}.{split}.{name}", f"of kind {kind.__name__}", fact)


def _history(value: object, *, at: str) -> None:
    _expect(isinstance(value, list), at, "a list", value)
    kinds = {"number": int, "step": int, "replicas": int, "recipe": str}
    kinds |= {"changed": dict, "versions": dict, "data": dict}
    for place, entry in enumerate(value, start=1):
        where = f"{at}[{place}]"
        _expect(isinstance(entry, dict), where, "an object", entry)
        for name, kind in kinds.items():
            found = entry.get(name)
            is_right = isinstance(found, kind) and not isinstance(found, bool)
            _expect(is_right, f"{where}.{name}", f"of kind {kind.__name__}", found)
        _expect(entry["number"] == place, f"{where}.number", str(place), entry)
        _data(entry["data"], at=f"{where}.data")


def _plugins(value: object, *, at: str) -> None:
    _expect(isinstance(value, list), at, "a list", value)
    for entry in value:
        _expect(isinstance(entry, dict), at, "a list of objects", entry)
        for name in ("kind", "name", "class", "distribution", "version"):
            _text(entry.get(name), at=f"{at}.{name}")


_KEYS = {
    "dataset": lambda value, at: None,
    "model": lambda value, at: None,
    "arguments": _arguments,
    "batch_size": _whole(1, 2**31 - 1),
    "seed": _whole(-(2**63), 2**63 - 1),
}
_OPTIONAL = {
    "data_dir": _text,
    "data_source": _text,
    "data": _data,
    "history": _history,
    "plugins": _plugins,
}


def _part(kind: str, spec: object, *, at: str, nesting: int = 0) -> dict:
    """Returns a part's specification, completed, after a look at each option."""
    _expect(nesting < _MAX_NESTING, at, f"nested {_MAX_NESTING} deep at most", "deeper")
    spec = {"name": spec} if isinstance(spec, str) else spec
    is_part = isinstance(spec, dict) and isinstance(spec.get("name"), str)
    _expect(is_part, at, "a name, or an object with one", spec)
    if spec["name"] not in catalogue.names(kind):
        _foreign(spec, at=at, nesting=nesting)
        return spec  # building it imports it, or says which there are
    known = catalogue.options(kind, spec["name"])
    for name, value in spec.items():
        option = known.get(name)
        if option is None:
            continue
        if option.is_part and not (value is None and option.is_optional):
            _part(option.part, value, at=f"{at}.{name}", nesting=nesting + 1)
        else:
            _option(option, value, at=f"{at}.{name}")
    return catalogue.completed(kind, spec, plugins=False)


def _foreign(value: object, *, at: str, nesting: int) -> None:
    """Looks at what a plug-in was given; whoever reads a description imports none.

    Parts in it that are built in are looked at as anywhere.
    """
    wanted = f"nested {_MAX_FOREIGN_NESTING} deep at most"
    _expect(nesting < _MAX_FOREIGN_NESTING, at, wanted, "deeper")
    if isinstance(value, (list, dict)):
        _expect(
            len(value) <= _MAX_SIZE, at, f"of {_MAX_SIZE} items at most", len(value)
        )
    if isinstance(value, list):
        for item in value:
            _foreign(item, at=at, nesting=nesting + 1)
    elif isinstance(value, dict):
        for name, item in value.items():
            where = f"{at}.{name}"
            built_in = _kinds_of(item)
            for kind in built_in:
                _part(kind, item, at=where, nesting=nesting + 1)
            if not built_in:
                _foreign(item, at=where, nesting=nesting + 1)
    elif _is_int(value):
        _whole(-(2**63), 2**63 - 1)(value, at=at)
    elif isinstance(value, float):
        _expect(math.isfinite(value), at, "a finite number", value)


def _kinds_of(value: object) -> list[str]:
    """Returns the kinds of which a value may be the specification of a built-in part.

    Configurations of Keras' layers have names as well, and other things beside them.
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
        _expect(is_list, at, f"a list of {_MAX_ITEMS} values at most", value)
        is_long = option.length in (None, len(value))
        _expect(is_long, at, f"of {option.length} values", value)
    low = 0 if option.is_sequence else -_bound(option.name)
    for item in value if option.is_sequence else [value]:
        _CHECKS[option.kind](option, item, low=low, at=at)


def _integer(option: catalogue.Option, value: object, *, low: int, at: str) -> None:
    _whole(low, _bound(option.name))(value, at=at)


def _number(option: catalogue.Option, value: object, *, low: int, at: str) -> None:
    del option, low
    is_number = _is_int(value) or isinstance(value, float)
    _expect(is_number and math.isfinite(value), at, "a finite number", value)


def _choice(option: catalogue.Option, value: object, *, low: int, at: str) -> None:
    del low
    choices = ", ".join(map(str, option.choices))
    _expect(value in option.choices, at, f"one of {choices}", value)


def _instance(cls: type) -> Callable:
    def check(option: catalogue.Option, value: object, *, low: int, at: str) -> None:
        del low
        _expect(isinstance(value, cls), at, f"of kind {option.kind}", value)

    return check


_CHECKS = {
    "int": _integer,
    "float": _number,
    "choice": _choice,
    "bool": _instance(bool),
    "str": _instance(str),
    "path": _instance(str),
    "object": _instance(object),
}


def _bound(name: str) -> int:
    """Returns the greatest value of a whole number of this name."""
    if name.endswith("seed"):
        return 2**63 - 1
    if _STEPS.fullmatch(name):
        return _MAX_STEPS
    return _MAX_DEPTH if _DEPTHS.fullmatch(name) else _MAX_SIZE


def _check_weights(model: Mapping, *, arguments: Mapping) -> None:
    """Refuses sizes that are possible one by one, and too large beside each other.

    A part's weights are estimated from below: as many matrices as its depths say, of
    its greatest size.
    """
    latent = model.get("latent_dim")
    latent = latent if _is_int(latent) else 1
    pixels = math.prod(arguments["image_shape"])
    widest = max([latent, *_weights_of("model", model, latent=latent)])
    connections = {
        "the images' pixels and the greatest size": pixels * widest,
        "num_images codes": arguments.get("num_images", 1) * latent,
    }
    for what, weights in connections.items():
        _expect(weights <= MAX_WEIGHTS, what, "2**28 weights at most", weights)


def _weights_of(kind: str, spec: Mapping, *, latent: int, at: str = "model"):
    """Yields the sizes in a specification, after a look at each part's weights."""
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
        elif _is_int(value) and _DEPTHS.fullmatch(name):
            depth *= max(1, value)
        elif option.kind == "int" and _bound(name) == _MAX_SIZE:
            sizes += value if isinstance(value, (list, tuple)) else [value or 1]
    weights = depth * max(sizes) * sorted([1, *sizes])[-2]
    _expect(weights <= MAX_WEIGHTS, at, "of 2**28 weights at most", weights)
    yield from sizes
