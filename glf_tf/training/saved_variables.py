# SPDX-License-Identifier: Apache-2.0
"""The variables of a checkpoint, by the names under which they are saved."""

__all__ = ["PREFIX", "agreeing", "has", "key", "number", "take_over", "variables_of"]

import pathlib
from collections.abc import Iterable, Mapping

import keras
import tensorflow as tf

from glf_tf import errors
from glf_tf.training import manifest

PREFIX = "variables"
"""How the names of TensorFlow's files begin in the folder of a checkpoint."""

_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"


def variables_of(
    model: keras.Model, optimizers: Iterable[keras.optimizers.Optimizer] = ()
) -> dict[str, tf.Variable]:
    """Returns all variables of a model and its optimisers, by name.

    Raises:
        InvalidValue: Two have the same name.
    """
    found = [(f"model/{v.path}", v.value) for v in model.variables]
    for optimizer in optimizers:
        found += [
            (f"optimizer/{optimizer.name}/{v.path}", v.value)
            for v in optimizer.variables
        ]
    named = dict(found)
    if len(named) < len(found):
        names = [name for name, _ in found]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise errors.InvalidValue(
            "Every variable must have a unique path",
            received=f"{twice[0]} more than once",
            do="Name the layers of the model, and open `keras.name_scope` around them",
        )
    return named


def take_over(
    folder: pathlib.Path, variables: Mapping[str, tf.Variable]
) -> tuple[str, ...]:
    """Assigns variables from a checkpoint where names and shapes agree.

    What a layer has itself, beside the layers inside it, is about all of them, such as
    that a flow has started. So it is only assigned if they all agree.

    Args:
        folder: The checkpoint.
        variables: The variables that may be assigned, by name; see `variables_of`.

    Returns:
        names: The names of the assigned variables.

    Raises:
        Damaged: The checkpoint is damaged.
    """
    taken = agreeing(folder, variables)
    reader = tf.train.load_checkpoint(str(folder / PREFIX))
    for name in taken:
        variables[name].assign(reader.get_tensor(key(name)))
    return taken


def agreeing(
    folder: pathlib.Path, variables: Mapping[str, tf.Variable]
) -> tuple[str, ...]:
    """Returns the names of the variables that `take_over` assigns.

    Raises:
        Damaged: The checkpoint is damaged.
    """
    if damage := manifest.damage(folder):
        raise errors.Damaged(
            "Initial weights need an intact checkpoint",
            received=f"{folder}: {damage}",
            do="Use another checkpoint or run",
        )
    reader = tf.train.load_checkpoint(str(folder / PREFIX))
    shapes = reader.get_variable_to_shape_map()
    agree = {
        name
        for name, variable in variables.items()
        if tuple(shapes.get(key(name), ("none",))) == tuple(variable.shape)
    }
    torn = {layer for name in variables if name not in agree for layer in _layers(name)}
    return tuple(
        name
        for name in variables
        if name in agree and torn.isdisjoint(_layers(name)[-1:])
    )


def has(folder: pathlib.Path, *, suffix: str) -> bool:
    """Returns whether a checkpoint has a variable whose name ends so."""
    reader = tf.train.load_checkpoint(str(folder / PREFIX))
    ending = f"{suffix}{_VALUE}"
    return any(name.endswith(ending) for name in reader.get_variable_to_shape_map())


def number(folder: pathlib.Path, name: str) -> float:
    """Returns the value of a scalar in a checkpoint, or 0."""
    reader = tf.train.load_checkpoint(str(folder / PREFIX))
    saved = key(name)
    return float(reader.get_tensor(saved)) if reader.has_tensor(saved) else 0.0


def _layers(name: str) -> list[str]:
    """Returns the layers that a variable lies in, from the outermost to its own."""
    parts = name.split("/")[:-1]
    return ["/".join(parts[:end]) for end in range(2, len(parts) + 1)]


def key(name: str) -> str:
    """Returns the key of a variable in TensorFlow's files."""
    return f"variables/{_escaped(name)}{_VALUE}"


def _escaped(name: str) -> str:
    """Returns a name with slashes escaped as in TensorFlow's checkpoints."""
    return name.replace(".", "..").replace("/", ".S")
