# SPDX-License-Identifier: Apache-2.0
"""The weights that a run starts from, if they are those of another run."""

__all__ = ["check_finished", "check_same", "check_start", "take_over"]

import pathlib
from collections.abc import Mapping

import tensorflow as tf
from absl import logging

from glf_tf import errors
from glf_tf.experiments import folder as folder_lib
from glf_tf.experiments import identity, restore
from glf_tf.experiments import plan as plan_lib
from glf_tf.models import base_model, sharpened
from glf_tf.training import averages, checkpoints, saved_variables

_RECIPE = (
    "Use the recipe of that run: --flagfile=RUN/flags.cfg --start_from=RUN "
    "--sharpen=adversarial --sharpen.alone, and no --start_layers"
)


def check_finished(start: plan_lib.Start, model: base_model.AbstractModel) -> None:
    """Checks that a model that is only sharpened starts from a run.

    Raises:
        InvalidValue: It does not.
    """
    is_only = isinstance(model, sharpened.Sharpens) and model.is_only_sharpened
    if is_only and not start.start_from:
        raise errors.InvalidValue(
            "What is sharpened alone is the model of a finished run",
            received="sharpen.alone and no --start_from",
            do="Set --start_from=RUN, or leave out --sharpen.alone to train all stages",
        )


def check_same(plan: plan_lib.Plan, model: base_model.AbstractModel) -> None:
    """Checks that a model that is only sharpened is that of the run it starts from.

    Weights of equal shapes alone do not make an encoder: slopes and scales have none.

    Raises:
        NotFound: There is no run.
        InvalidValue: It has other options, sharpening aside.
    """
    if not (isinstance(model, sharpened.Sharpens) and model.is_only_sharpened):
        return
    changed = identity.changed_model(_folder(plan.start), plan.model)
    if changed:
        raise errors.InvalidValue(
            "What is sharpened alone is the model of a finished run, with its options",
            received=", ".join(changed),
            do=_RECIPE,
        )


def _folder(start: plan_lib.Start) -> folder_lib.Folder:
    return folder_lib.Folder(pathlib.Path(start.start_from).expanduser())


def check_start(
    start: plan_lib.Start, model: base_model.AbstractModel
) -> tuple[pathlib.Path, dict[str, tf.Variable]]:
    """Returns the checkpoint to start from, and the variables to restore.

    Raises:
        NotFound: There is no run or no checkpoint.
        InvalidValue: There is no layer of that name.
    """
    folder = _folder(start)
    folder.read()
    layers = tuple(name for name in start.start_layers.split(",") if name)
    variables = saved_variables.variables_of(model)
    for layer in layers:
        known = sorted({name.split("/")[1] for name in variables})
        if layer not in known:
            raise errors.InvalidValue(
                "`start_layers` must be layers of the model",
                received=f"start_layers={start.start_layers}",
                do=errors.suggestion(layer, known),
            )
    wanted = tuple(f"model/{layer}/" for layer in layers) or ("model/",)
    variables = {k: v for k, v in variables.items() if k.startswith(wanted)}
    checkpoint = checkpoints.Checkpoints(folder.checkpoints, {}, partly=True).latest()
    if checkpoint is None:
        raise restore.no_checkpoint(folder)
    if isinstance(model, sharpened.Sharpens) and model.is_only_sharpened:
        _check_whole(model, variables, checkpoint=checkpoint)
    return checkpoint, variables


def take_over(start: plan_lib.Start, model: base_model.AbstractModel) -> None:
    """Loads the weights of another run into a model, where names and shapes agree.

    Where that run has averages of them, it loads these.

    Raises:
        NotFound: There is no run or no checkpoint.
        InvalidValue: There is no layer of that name, or nothing agrees.
    """
    checkpoint, variables = check_start(start, model)
    taken = saved_variables.take_over(checkpoint, variables)
    logging.info("%d of %d weights from %s", len(taken), len(variables), checkpoint)
    if not taken:
        raise errors.InvalidValue(
            "The run to start from must have weights with the same names and shapes",
            received=f"start_from={start.start_from}, none of {len(variables)}",
            do="Use a run with the same parts and sizes",
        )
    state = checkpoints.Checkpoints(checkpoint.parent, {}, partly=True).restore(
        checkpoint
    )
    if isinstance(model, sharpened.Sharpens) and model.is_only_sharpened:
        _warn_of_unfinished(start, state)
    if saved_variables.has(checkpoint, suffix="_average"):
        _take_over_averages(checkpoint, variables, state=state)


def _warn_of_unfinished(start: plan_lib.Start, state: Mapping) -> None:
    """Says that a model is sharpened whose training has not come to its end."""
    if not state.get("is_over", True):
        logging.warning(
            "What is sharpened alone keeps the encoder and the prior as they are; "
            "%s stopped at step %d, before its end. Finish it first with --workdir=%s "
            "--resume, or go on if that is meant.",
            start.start_from,
            state["global_step"],
            start.start_from,
        )


def _take_over_averages(
    checkpoint: pathlib.Path, variables: Mapping[str, tf.Variable], *, state: Mapping
) -> None:
    """Loads the averages of the stage in which a checkpoint was written."""
    folder = folder_lib.Folder(checkpoint.parent.parent)
    stages = restore.built(folder.read()).stages()
    if state["stage"] < len(stages):
        stage = stages[state["stage"]]
        averages.take_over(stage, folder=checkpoint, variables=variables)


def _check_whole(
    model: sharpened.Sharpens,
    variables: Mapping[str, tf.Variable],
    *,
    checkpoint: pathlib.Path,
) -> None:
    """Checks that a checkpoint has all weights of a model that is only sharpened.

    Raises:
        InvalidValue: It lacks some, or they are not to be used.
    """
    own = {f"model/{variable.path}" for variable in model.sharpening.variables}
    wanted = saved_variables.variables_of(model).keys() - own
    missing = sorted(wanted - set(saved_variables.agreeing(checkpoint, variables)))
    if missing:
        raise errors.InvalidValue(
            "What is sharpened alone takes all other weights from a finished run",
            received=f"{len(missing)} of {len(wanted)} that are not taken from "
            f"{checkpoint}, such as {missing[0]}",
            do=_RECIPE,
        )
