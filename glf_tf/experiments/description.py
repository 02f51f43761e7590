# SPDX-License-Identifier: Apache-2.0
"""Checks `run.json`: the types of its values, and bounds on sizes.

Loading a run builds the parts in its description. So a truncated, changed or malicious
description is refused before it costs memory or time: files above 16 MiB, sizes above
65,536, depths above 512, steps above 10,000,000, and parts or images with more than
2**28 weights or connections.
"""

__all__ = ["check", "read"]

import json
import math
import pathlib
from collections.abc import Mapping

from glf_tf import errors, files
from glf_tf.experiments import bounds

MAX_BYTES = 16 * 2**20


def read(file: pathlib.Path) -> dict:
    """Returns a description, whose parts have all of their options.

    Raises:
        FileNotFoundError: The file does not exist.
        Damaged: It is not a valid description.
    """
    found = _load(file)
    try:
        return _checked(found)
    except bounds.Wrong as wrong:
        raise _damaged(file, str(wrong)) from wrong


def check(found: Mapping) -> None:
    """Checks before a run that its description can be read after it.

    Args:
        found: The description, or as much of it as is known.

    Raises:
        InvalidValue: `read` would refuse it.
    """
    try:
        _checked(json.loads(json.dumps(found)))
    except (bounds.Wrong, TypeError, ValueError, RecursionError) as wrong:
        raise errors.InvalidValue(
            "A run's folder must be able to describe its parts, in run.json",
            received=str(wrong),
            do="Give that option a number, text or list within bounds; None for none",
        ) from wrong


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
        what = getattr(error, "strerror", None) or "not JSON, or truncated"
        raise _damaged(file, what) from error


def _damaged(file: pathlib.Path, what: str) -> errors.Damaged:
    return errors.Damaged(
        "A run's folder has its description in run.json, and a copy in run.copy.json",
        received=f"{file}: {what}",
        do="Restore one of the two from a backup, or use another --workdir",
    )


def _checked(found: object) -> dict:
    bounds.expect(isinstance(found, dict), "run.json", "an object", found)
    for key in _KEYS:
        bounds.expect(key in found, key, "there", "nothing")
    parts = {
        kind: bounds.part(kind, found[kind], at=kind) for kind in ("dataset", "model")
    }
    for key, check in (_KEYS | _OPTIONAL).items():
        if key in found:
            check(found[key], at=key)
    bounds.check_weights(parts["model"], arguments=found["arguments"])
    return {"data_dir": "", "history": [], **found, **parts}


def _arguments(value: object, *, at: str) -> None:
    bounds.expect(isinstance(value, dict), at, "an object", value)
    if "event_dim" in value:
        bounds.whole(1, bounds.MAX_SIZE)(value["event_dim"], at=f"{at}.event_dim")
    else:
        _image_shape(value.get("image_shape"), at=f"{at}.image_shape")
    if "num_images" in value:
        bounds.whole(1, bounds.MAX_WEIGHTS)(value["num_images"], at=f"{at}.num_images")


def _image_shape(shape: object, *, at: str) -> None:
    is_shape = (
        isinstance(shape, list) and len(shape) == 3 and all(map(bounds.is_int, shape))
    )
    bounds.expect(is_shape, at, "three whole numbers", shape)
    for number in shape:
        bounds.whole(1, bounds.MAX_SIZE)(number, at=at)
    bounds.expect(math.prod(shape) <= 2**24, at, "2**24 numbers", shape)


def _data(value: object, *, at: str) -> None:
    bounds.expect(isinstance(value, dict), at, "an object", value)
    for split, facts in value.items():
        bounds.expect(isinstance(facts, dict), f"{at}.{split}", "an object", facts)
        for name, fact in facts.items():
            kind = int if name in ("images", "vectors") else str
            is_right = isinstance(fact, kind) and not isinstance(fact, bool)
            bounds.expect(
                is_right, f"{at}.{split}.{name}", f"of kind {kind.__name__}", fact
            )


def _history(value: object, *, at: str) -> None:
    bounds.expect(isinstance(value, list), at, "a list", value)
    kinds = {"number": int, "step": int, "replicas": int, "recipe": str}
    kinds |= {"changed": dict, "versions": dict, "data": dict}
    for place, entry in enumerate(value, start=1):
        where = f"{at}[{place}]"
        bounds.expect(isinstance(entry, dict), where, "an object", entry)
        for name, kind in kinds.items():
            found = entry.get(name)
            is_right = isinstance(found, kind) and not isinstance(found, bool)
            bounds.expect(
                is_right, f"{where}.{name}", f"of kind {kind.__name__}", found
            )
        bounds.expect(entry["number"] == place, f"{where}.number", str(place), entry)
        _data(entry["data"], at=f"{where}.data")


def _plugins(value: object, *, at: str) -> None:
    bounds.expect(isinstance(value, list), at, "a list", value)
    for entry in value:
        bounds.expect(isinstance(entry, dict), at, "a list of objects", entry)
        for name in ("kind", "name", "class", "distribution", "version"):
            bounds.text(entry.get(name), at=f"{at}.{name}")


_KEYS = {
    "dataset": lambda value, at: None,
    "model": lambda value, at: None,
    "arguments": _arguments,
    "batch_size": bounds.whole(1, 2**31 - 1),
    "seed": bounds.whole(-(2**63), 2**63 - 1),
}
_OPTIONAL = {
    "data_dir": bounds.text,
    "data_source": bounds.text,
    "data": _data,
    "history": _history,
    "plugins": _plugins,
}
