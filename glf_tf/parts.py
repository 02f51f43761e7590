# SPDX-License-Identifier: Apache-2.0
"""Parts of a model: given as an object, a specification or a name, equal in all else.

    GLF(shape, flow="real_nvp")
    GLF(shape, flow={"name": "real_nvp", "blocks": 4})
    GLF(shape, flow=RealNVP(64, blocks=4))

`make` returns the part in each case, `specification` turns an object back into what the
second line has, so that `.keras` files, `run.json` and copies can be made from it. Each
part remembers the arguments of its constructor by itself (`Part`).
"""

__all__ = ["Part", "arguments_of", "given_to", "make", "settle", "specification"]

import collections
from collections.abc import Mapping
from typing import Any, ClassVar

import keras
import numpy as np

from glf_tf import arguments as arguments_lib
from glf_tf import catalogue, errors, foreign, freezing, naming, signatures, values

_KERAS_OWN = ("name", "dtype", "trainable")
"""Keras' own arguments: no options of a part."""

_KERAS_STATE = ("dtype", "trainable")
"""Those that a specification has where they are not as ever."""

_FROZEN = "frozen"
"""The entry of a model's description that lists its frozen layers."""

_OF_DATA = "num_images"
"""What the data decide for a model whose constructor has no default for it."""

_SIZES = ("event_dim", "event_shape", "latent_dim", "image_shape")


class Part:
    """What remembers the arguments that its constructor was called with.

    Attributes:
        part_kind: The kind of part, one of `catalogue.KINDS`.
    """

    part_kind: ClassVar[str]

    def __new__(cls, *args, **kwargs):
        """Returns a new object that remembers its arguments.

        Raises:
            InvalidValue: An argument is unknown, no value of its annotation, or
                cannot be saved.
        """
        new = super().__new__
        made = new(cls) if new is object.__new__ else new(cls, *args, **kwargs)
        arguments_lib.check(cls, args, kwargs)
        bound = signatures.bound(cls, args, kwargs)
        whole = values.copied({**signatures.defaults(cls), **bound})
        values.check(cls, whole, given=bound)
        _remember(made, whole)
        object.__setattr__(made, "_part_given", frozenset(bound))
        return made

    def get_config(self) -> dict:
        """Returns the constructor's arguments as plain values: parts as described."""
        config = {
            **_options(self),
            **{name: _plain(self._part_arguments[name]) for name in _decided(self)},
        }
        taken = [name for name in _KERAS_OWN if signatures.takes(type(self), name)]
        if isinstance(self, keras.Model):
            own = {"name": self._part_arguments.get("name")}
        elif isinstance(self, keras.layers.Layer):
            own = keras.layers.Layer.get_config(self)
        else:
            own = {}
        state = {name: own[name] for name in taken if name in own}
        return config | state | _frozen(self)

    @classmethod
    def from_config(cls, config: dict, custom_objects=None) -> "Part":
        """Returns the part that `get_config` describes."""
        del custom_objects
        if naming.is_ours(cls):
            former = catalogue.former(cls.part_kind, cls.__module__.rpartition(".")[2])
            config = {former.get(key, key): value for key, value in config.items()}
        config = dict(config)
        frozen = config.pop(_FROZEN, ()) if cls.part_kind == "model" else ()
        if isinstance(config.get("dtype"), Mapping):
            config["dtype"] = keras.dtype_policies.deserialize(config["dtype"])
        made = cls(**config)
        freezing.freeze(made, frozen)
        return made


def arguments_of(part: Part) -> Mapping[str, Any]:
    """Returns what a part's constructor was called with, defaults among it."""
    return part._part_arguments


def given_to(part: Part) -> frozenset[str]:
    """Returns the names of the arguments that were given, and are no defaults."""
    return part._part_given


def settle(part: Part, **arguments: Any) -> None:
    """Replaces those of the constructor's arguments by what they stand for.

    Args:
        part: The part.
        **arguments: Such as a size that was found; others than it has are left out.
    """
    known = {key: arguments[key] for key in arguments if key in arguments_of(part)}
    _remember(part, {**arguments_of(part), **known})


def make(kind: str, value: Any, **fixed: Any) -> Any:
    """Returns the part that is given, or that a name or a specification describes.

    An object is taken as it is, with whatever weights it has.

    Args:
        kind: One of `catalogue.KINDS`, such as "flow".
        value: An object, a specification or a name.
        **fixed: Arguments that the caller decides, such as the latent size; an object
            must have been made for the same sizes. `name` is the part's role, under
            which its variables are saved; the kind itself if there is none.

    Raises:
        InvalidType: It is none of the three, or a part of another kind.
        InvalidValue: The name or an option is unknown, or the object is of another
            size, or has another place already.
    """
    if isinstance(value, (str, Mapping)):
        value = _built(kind, value, fixed)
    _check_kind(kind, value)
    _check_sizes(kind, value, fixed)
    if kind == "model":
        naming.adopt_own(value)
    elif isinstance(value, keras.layers.Layer):
        naming.adopt(value, role=fixed.get("name", kind))
    return value


def _built(kind: str, spec: str | Mapping, fixed: Mapping[str, Any]) -> Any:
    options = {"name": spec} if isinstance(spec, str) else dict(spec)
    state = {key: options.pop(key) for key in _KERAS_STATE if key in options}
    if kind != "model":
        return catalogue.build(kind, options, **fixed, **state)
    frozen = options.pop(_FROZEN, ())
    made = catalogue.build(kind, _without_default_size(options), **fixed, **state)
    freezing.freeze(made, frozen)
    return made


def _without_default_size(model: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a model's options without a `latent_dim` at its default.

    A specification has every option, so that a default in it may not have been given;
    the model then takes the size of its parts.
    """
    name = model.get("name")
    known = catalogue.options("model", name) if isinstance(name, str) else {}
    option, given = known.get("latent_dim"), model.get("latent_dim")
    is_default = option is not None and given == option.default
    left_out = {"latent_dim"} if is_default else set()
    return {key: value for key, value in model.items() if key not in left_out}


def specification(kind: str, part: Any) -> dict[str, Any]:
    """Returns what describes a part, `{"name": ..., options}`, in values of JSON.

    Every option is there, at its default where none was given, so that one part has one
    specification however it was given.

    Raises:
        InvalidValue: Its class has no name by which another process could find it.
    """
    if isinstance(part, Part):
        name = catalogue.name_of_class(kind, type(part))
        state = {**_keras_state(part), **_frozen(part)}
        return {"name": name, **_options(part), **state}
    return _plain(catalogue.completed(kind, _plain(part)))


def _remember(part: Part, arguments: Mapping[str, Any]) -> None:
    # Past Keras, which would track the parts among them a second time; and in no dict,
    # in which it would save them a second time.
    object.__setattr__(part, "_part_arguments", collections.UserDict(arguments))


def _decided(part: Part) -> list[str]:
    """Returns the arguments of a part that what it belongs to decides."""
    return [name for name in part._part_arguments if _is_decided(part, name)]


def _is_decided(part: Part, name: str) -> bool:
    if part.part_kind == "model" and name == _OF_DATA:
        return name not in signatures.defaults(type(part))
    return name in catalogue.KINDS[part.part_kind].decided


def _options(part: Part) -> dict[str, Any]:
    given = {
        name: _plain(value)
        for name, value in part._part_arguments.items()
        if name not in _KERAS_OWN and not _is_decided(part, name)
    }
    name = catalogue.name_of_class(part.part_kind, type(part))
    # A default that the class gives to its base class itself is none of its options.
    known = {*catalogue.options(part.part_kind, name), *given_to(part)}
    given = {key: value for key, value in given.items() if key in known}
    whole = _plain(catalogue.completed(part.part_kind, {**given, "name": name}))
    decided = {"name", *catalogue.KINDS[part.part_kind].decided}
    options = {key: value for key, value in whole.items() if key not in decided}
    if part.part_kind == "model":
        # The model itself lists what is frozen in it, however its parts were given.
        return {key: freezing.without_state(item) for key, item in options.items()}
    return options


def _frozen(part: Part) -> dict[str, list[str]]:
    """Returns the entry of a model with frozen layers."""
    found = freezing.frozen(part) if part.part_kind == "model" else []
    return {_FROZEN: found} if found else {}


def _keras_state(part: Part) -> dict[str, Any]:
    """Returns a layer's precision, and that it is frozen, where they are unusual."""
    if not isinstance(part, keras.layers.Layer) or isinstance(part, keras.Model):
        return {}
    dtype = part.dtype_policy.name
    state = {} if dtype == keras.config.floatx() else {"dtype": dtype}
    return state if part.trainable else {**state, "trainable": False}


def _plain(value: Any) -> Any:
    """Returns a value as JSON has it: objects described, tuples as lists."""
    if isinstance(value, Part):
        return specification(value.part_kind, value)
    if isinstance(value, keras.layers.Layer):
        return foreign.specification(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value.tolist() if isinstance(value, (np.generic, np.ndarray)) else value


def _check_kind(kind: str, value: Any) -> None:
    if getattr(value, "part_kind", None) == kind and isinstance(value, Part):
        return
    is_class = isinstance(value, type)
    shown = f"the class {value.__name__}" if is_class else type(value).__name__
    raise errors.InvalidType(
        f"A {kind} is given as an object, a specification or a name",
        received=shown,
        do=f"Pass one of the kind, or a name, such as {catalogue.names(kind)[0]!r}",
    )


def _check_sizes(kind: str, value: Part, fixed: Mapping[str, Any]) -> None:
    for name in _SIZES:
        if name not in fixed:
            continue
        wanted, found = fixed[name], getattr(value, name, None)
        if np.array_equal(wanted, found):
            continue
        raise errors.InvalidValue(
            f"The {kind} must be made for {name}={wanted}",
            received=f"{type(value).__name__} of {name}={found}",
            do=f"Make it with {name}={wanted}",
        )
