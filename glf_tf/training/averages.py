# SPDX-License-Identifier: Apache-2.0
"""Exponential moving averages of weights, and where they replace the weights.

With `--ema_decay`, the groups of a stage have averages: callbacks that validate,
evaluate and draw use them instead of the weights, training continues with the weights,
and a checkpoint has both, also at a stage's end, so that more epochs go on as if it had
not ended. When a stage is left the averages become the weights, for the next stage,
exports and files. Moving moments of batch normalisation are counted anew for the
averages (`training/recounting.py`), and replaced with the weights.
"""

__all__ = ["Pairs", "pairs", "shown", "settle", "follow", "take_over"]

import contextlib
import pathlib
from collections.abc import Iterator, Mapping

import keras
import tensorflow as tf

from glf_tf.training import moments as moments_lib
from glf_tf.training import optimizers as optimizers_lib
from glf_tf.training import saved_variables
from glf_tf.training import stages as stages_lib

Pairs = list[tuple[keras.Variable, keras.Variable]]
"""Pairs of a variable and its average."""


def pairs(
    stage: stages_lib.Stage, optimizers: Mapping[str, optimizers_lib.Optimizer]
) -> Pairs:
    """Returns the variables of a stage with their averages; none before a step.

    Moving moments of batch normalisation are among them.

    Args:
        stage: The stage.
        optimizers: The optimisers of all groups, by "stage/group".
    """
    found = []
    for update in stage.updates:
        for group in update.groups:
            chosen = optimizers[f"{stage.name}/{group.name}"]
            steps = tf.convert_to_tensor(chosen.keras.iterations)
            if chosen.keras.averages and int(steps):
                averaged = (*chosen.variables, *chosen.moments)
                found += zip(averaged, chosen.keras.averages, strict=True)
    return found


@contextlib.contextmanager
def shown(found: Pairs) -> Iterator[None]:
    """A context in which variables have the values of their averages.

    Where a callback changes a variable, such as EarlyStopping that restores the best
    weights, it means the model that it sees: the variable keeps the new value, which
    its average takes as well. All others return to their values in training, and so do
    all if there is an exception.
    """
    before = [tf.identity(tf.convert_to_tensor(variable)) for variable, _ in found]
    settle(found)
    is_changed = [False] * len(found)
    try:
        yield
        is_changed = [_differ(variable, average) for variable, average in found]
    finally:
        for pair, value, changed in zip(found, before, is_changed, strict=True):
            if changed:
                follow([pair])
            else:
                pair[0].assign(value)


def _differ(variable: keras.Variable, average: keras.Variable) -> bool:
    """Returns whether two variables differ; NaN is equal to NaN here."""
    a, b = tf.convert_to_tensor(variable), tf.convert_to_tensor(average)
    return bool(tf.reduce_any((a != b) & ~(tf.math.is_nan(a) & tf.math.is_nan(b))))


def settle(found: Pairs) -> None:
    """Assigns variables the values of their averages."""
    for variable, average in found:
        variable.assign(tf.convert_to_tensor(average))


def follow(found: Pairs) -> None:
    """Lets averages have the values of their variables."""
    for variable, average in found:
        average.assign(tf.convert_to_tensor(variable))


def take_over(
    stage: stages_lib.Stage,
    *,
    folder: pathlib.Path,
    variables: Mapping[str, tf.Variable] | None = None,
) -> tuple[str, ...]:
    """Assigns variables the averages in a checkpoint, if there are any.

    Args:
        stage: The stage of a model in which the checkpoint was written.
        folder: The checkpoint.
        variables: Those of another model, as from `saved_variables.variables_of`, which
            are assigned where they have the same names; by default the stage's own.

    Returns:
        names: The names of the averages used.
    """
    wanted = {}
    for update in stage.updates:
        for group in update.groups:
            name = optimizers_lib.keras_name(f"{stage.name}/{group.name}")
            scope = f"optimizer/{name}/{name}"
            if saved_variables.number(folder, f"{scope}/iteration"):
                for variable in (*group.variables, *moments_lib.of_group(group)):
                    own = f"{scope}/{variable.path.replace('/', '_')}_average"
                    of_other = (variables or {}).get(f"model/{variable.path}")
                    wanted[own] = variable.value if variables is None else of_other
    wanted = {name: value for name, value in wanted.items() if value is not None}
    return saved_variables.take_over(folder, wanted) if wanted else ()
