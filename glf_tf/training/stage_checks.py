# SPDX-License-Identifier: Apache-2.0
"""Checks of what stages and updates declare, and of what their functions return."""

__all__ = [
    "cached",
    "free",
    "groups",
    "inferred",
    "measured",
    "shared",
    "term_names",
    "terms",
    "weights",
]

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from glf_tf import errors, types
from glf_tf.training import contract


def weights(found: object, *, of: str) -> None:
    """Checks the weights of an update, of which one must not be zero."""
    if not isinstance(found, Mapping):
        raise errors.InvalidType(
            "The weights of an update must be a mapping from terms to numbers",
            received=f"{found!r} in {of}"[:80],
            do='Write for instance weights={"nll": 1.0}',
        )
    for name, weight in found.items():
        contract.term(name, of=of)
        if callable(weight):
            contract.function(weight, of=f"weights[{name!r}]", takes="step")
        else:
            contract.number(weight, of=f"weights[{name!r}]")
    if all(not callable(weight) and weight == 0 for weight in found.values()):
        raise errors.InvalidValue(
            "An update must minimise a term, of a weight other than 0",
            received=f"{dict(found)} in {of}",
            do='Write for instance weights={"nll": 1.0}',
        )


def term_names(names: Sequence[str], *, of: str) -> None:
    """Checks that terms have distinct names."""
    if len(set(names)) < len(names):
        raise errors.InvalidValue(
            "The terms of a stage must have distinct names",
            received=f"{', '.join(names)} in {of}",
            do="Rename one of them in the model",
        )


def measured(functions: Mapping, *, has_updates: bool, stage: str) -> None:
    """Checks that a stage is measured beside its training only if it has no updates."""
    for name, function in functions.items():
        contract.function(function, of=f"measured[{name!r}]", takes="batch, *, seed")
    if functions and has_updates:
        raise errors.InvalidValue(
            "`measured` is of a stage without updates, whose terms are measured anyway",
            received=f"{', '.join(functions)} in the stage {stage}",
            do="Make them terms of an update, of weight 0 if they are only measured",
        )


def shared(functions: Mapping, *, repeats: Sequence[int], stage: str) -> None:
    """Checks that there are updates that can share.

    Args:
        functions: What is shared, by name.
        repeats: Of each update.
        stage: The name of the stage.
    """
    for name, function in functions.items():
        takes = "batch, *, seed, training"
        contract.function(function, of=f"shared[{name!r}]", takes=takes)
    if functions and (len(repeats) < 2 or repeats[-1] > 1):
        raise errors.InvalidValue(
            "What is shared is of two updates or more, the last of one turn a step",
            received=f"updates of {', '.join(map(str, repeats)) or 'no'} turns in the "
            f"stage {stage}",
            do="Compute it in the update's `terms`",
        )


def free(names: Iterable[str], *, batch: types.Batch, stage: str) -> None:
    """Checks that a batch has nothing of the names of what is shared."""
    if taken := set(names) & set(batch):
        raise errors.InvalidValue(
            "What updates share must have a name that the batch has not",
            received=f"{', '.join(sorted(taken))} in the stage {stage}",
            do="Rename it in the model's `stages`",
        )


def groups(of_updates: Sequence[Sequence], *, stage: str) -> None:
    """Checks that groups share no variable, and that a name stands for one group.

    A group may be in several updates, which then share its optimiser.

    Args:
        of_updates: The groups of each update.
        stage: The name of the stage.
    """
    variables: dict[str, list] = {}
    for of_update in of_updates:
        names = [group.name for group in of_update]
        for group in of_update:
            known = variables.setdefault(group.name, group.variables)
            is_same = [*map(id, known)] == [*map(id, group.variables)]
            if not is_same or names.count(group.name) > 1:
                raise errors.InvalidValue(
                    "The groups of a stage must have distinct names",
                    received=f"two groups {group.name} in the stage {stage}",
                    do="Rename one of them, or put their layers into one group",
                )
    _check_disjoint(variables)


def _check_disjoint(variables: Mapping[str, Iterable]) -> None:
    owners: dict[int, str] = {}
    for name, of_group in variables.items():
        for variable in of_group:
            other = owners.setdefault(id(variable), name)
            if other != name:
                raise errors.InvalidValue(
                    "The groups of a stage must share no variable",
                    received=f"{variable.path} in both {other} and {name}",
                    do="Remove it from one of them in the model's `stages`",
                )


def cached(
    found: object, *, size: int, stage: str, taken: Sequence[str] = ("index",)
) -> None:
    """Checks that arrays have a row for each example, and no name that is taken."""
    do = 'Return for instance {"z": codes} from `cache`, with a row for each example'
    if not isinstance(found, Mapping):
        raise errors.InvalidType(
            "`cache` must return a mapping from names to arrays, or None",
            received=f"{type(found).__name__} in the stage {stage}",
            do=do,
        )
    if not found or set(found) & set(taken):
        raise errors.InvalidValue(
            "`cache` must return an array or more, none of which is named "
            + " or ".join(f"`{name}`" for name in taken),
            received=f"the names {list(found)} in the stage {stage}",
            do=do,
        )
    for name, array in found.items():
        shape = _shape(array)
        if shape[:1] != (size,):
            raise errors.InvalidValue(
                "Arrays of `cache` must have a row for each example",
                received=f"{name} of shape {shape} for {size} examples in {stage}",
                do=do,
            )


def _shape(array: object) -> tuple[int, ...]:
    """Returns the shape of an array; () if its rows are uneven."""
    try:
        return tuple(np.shape(array))
    except ValueError:
        return ()


def inferred(found: object, *, batch: types.Batch, stage: str) -> None:
    """Checks that `infer` returned the batch and more."""
    is_mapping = isinstance(found, Mapping)
    if not is_mapping or not set(batch) <= set(found):
        names = ", ".join(map(str, found)) if is_mapping else type(found).__name__
        raise errors.InvalidValue(
            "`infer` must return the batch with its inferred values",
            received=f"{names or 'nothing'} in the stage {stage}",
            do='Return for instance {**batch, "z": z}',
        )


def terms(found: object, *, weights: Mapping[str, object], update: str) -> None:
    """Checks that the terms are those with weights."""
    if not isinstance(found, Mapping):
        raise errors.InvalidType(
            "The `terms` of an update must return a mapping from names to values",
            received=f"{type(found).__name__} in {update}",
            do='Return for instance {"nll": nll}',
        )
    if set(found) != set(weights):
        raise errors.InvalidValue(
            "The `terms` of an update must return exactly those in its `weights`",
            received=f"{sorted(map(str, found))} for {sorted(weights)} in {update}",
            do="Make the two agree in the model's `stages`",
        )
    for name, value in found.items():
        _check_value(value, of=f"{name} in {update}")


def _check_value(value: object, *, of: str) -> None:
    """Checks that a term is a float for each example, or one for all."""
    tensor = None if value is None else tf.convert_to_tensor(value)
    if tensor is None or not tensor.dtype.is_floating or (tensor.shape.rank or 0) > 1:
        found = "None" if tensor is None else f"{tensor.dtype.name} {tensor.shape}"
        raise errors.InvalidValue(
            "A loss term must be a float of shape [batch] or []",
            received=f"{found} for {of}",
            do="Sum it over the numbers of each example, and convert it to float32",
        )
