# SPDX-License-Identifier: Apache-2.0
"""Names of variables, by a part's role and not by the way it was given.

A built-in part names its variables itself, such as `flow/block_0_first/shift/kernel`.
A part that was built outside of the model, or a user-defined one, has names that Keras
numbered (`real_nvp_1/...`, `dense_7/kernel`), which differ between processes, while a
checkpoint needs fixed names. So a model renames the variables of its parts: those of a
built-in part by its role instead of its own name, those of a foreign one by role and
position, `encoder/3/kernel`; so are the layers of a user-defined model that are no
parts, `own_0/1/kernel`. Optimisers and checkpoints then read `variable.path`.
"""

__all__ = ["adopt", "adopt_own", "is_ours", "made_by"]

import keras

from glf_tf import errors

_LIBRARY = __package__.partition(".")[0]


def is_ours(cls: type) -> bool:
    """Returns whether a class is one of this library."""
    return cls.__module__.partition(".")[0] == _LIBRARY


def adopt(part: keras.layers.Layer, *, role: str) -> None:
    """Names the variables of a part by its role, such as "flow" or "encoder".

    Variables of inner parts with a role of their own keep their names.

    Args:
        part: The part, whose variables exist.
        role: Its name in the model.

    Raises:
        InvalidValue: It already has another role, or shares weights with such a part.
    """
    before = getattr(part, "_role", None)
    if before not in (None, role):
        raise _taken(part, role=role, before=before)
    if before is None:
        part._role = role
        rename = _by_own_names if is_ours(type(part)) else _by_position
        rename(part, role=role)


def made_by(
    maker: object, layer: keras.layers.Layer, *, role: str
) -> keras.layers.Layer:
    """Returns a layer that another part made, its variables named by its role.

    A built-in part names the layers that it makes; those of a user's may have numbers.

    Args:
        maker: The part, such as a network.
        layer: What it made, such as an encoder.
        role: The layer's name in the model.
    """
    if not is_ours(type(maker)):
        adopt(layer, role=role)
    layer._role, layer._is_made = role, True
    return layer


def adopt_own(model: keras.Model) -> None:
    """Names the variables of a user-defined model that belong to none of its parts."""
    if is_ours(type(model)) or hasattr(model, "_role"):
        return
    model._role = _OWN
    own = [layer for layer in model._layers if not hasattr(layer, "_role")]
    for index, layer in enumerate(own):
        if not is_ours(type(layer)):
            _by_position(layer, role=f"{_OWN}_{index}")
    _by_own_names(model, role=_OWN)


_OWN = "own"
"""The role of what a user-defined model has beside its parts."""


def _by_own_names(part: keras.layers.Layer, *, role: str) -> None:
    """Replaces the part's own name by its role in a variable's path."""
    for variable in part.variables:
        _, found, tail = f"/{variable.path}".partition(f"/{part.name}/")
        if found and not hasattr(variable, "_role"):
            _rename(variable, f"{role}/{tail}", role=role)


def _by_position(part: keras.layers.Layer, *, role: str) -> None:
    for index, variable in enumerate(part.variables):
        name = f"{role}/{index}/{variable.name}"
        if not hasattr(variable, "_role"):
            _rename(variable, name, role=role)
        elif variable.path != name and not hasattr(part, "part_kind"):
            raise _taken(part, role=role, before=variable._role)


def _rename(variable: keras.Variable, name: str, *, role: str) -> None:
    # Keras has no public API for it; optimisers name their slots after the path.
    variable._path, variable._role = name, role


def _taken(part: keras.layers.Layer, *, role: str, before: str) -> errors.InvalidValue:
    return errors.InvalidValue(
        "An object has the same role in all models that share it",
        received=f"{type(part).__name__} {part.name} as {role}, of which weights are "
        f"{before} already",
        do="Make another object, such as keras.models.clone_model(it)",
    )
