# SPDX-License-Identifier: Apache-2.0
"""Flags of a training run, and their plan."""

__all__ = ["define_training", "plan", "folder"]

import pathlib
from collections.abc import Mapping

from absl import flags

from glf_tf import errors
from glf_tf.cli import (
    definitions,
    groups,
    kinds,
    part_flags,
    paths,
    program,
    values,
)
from glf_tf.experiments import folder as folder_lib
from glf_tf.experiments import plan as plan_lib
from glf_tf.training import options

FLAGS = flags.FLAGS

_SETTINGS = {
    "training": (options.Optimizers, options.Training, plan_lib.Start),
    "devices": (plan_lib.Devices,),
    "run": (plan_lib.Reports,),
}
"""The dataclasses whose fields are flags, by their group in help."""

_IN_ALL_RUNS = ("epochs", "batch_size", "learning_rate", "seed")
_NOT_IN_RECIPES = ("workdir", "resume", "accept_new_data", "stop_at", "replay")
_PARTS = (
    part_flags.Part("dataset", "digits", prefix="dataset."),
    part_flags.Part("model", "glf", prefix=""),
)


def define_training() -> tuple[part_flags.Part, ...]:
    """Defines the flags of a training run; returns its parts."""
    with groups.group("run"):
        _define_run()
    for part, title in zip(_PARTS, ("data", "model"), strict=True):
        with groups.group(title):
            part_flags.define(part, f"The {part.kind}.")
    paths.define()
    for title, classes in _SETTINGS.items():
        with groups.group(title):
            for settings in classes:
                definitions.define_settings(settings)
    return _PARTS


def _define_run() -> None:
    kinds.define_path("workdir", None, "The run's folder.")
    flags.DEFINE_bool("resume", False, "Continue from the run's newest checkpoint.")
    paths.define_accepting()
    flags.DEFINE_integer(
        "stop_at",
        0,
        "Step at which to save the state and stop with status 75; 0 for the end.",
        lower_bound=0,
    )


def plan() -> plan_lib.Plan:
    """Returns the plan of the flags.

    Raises:
        InvalidValue: A required flag is missing, or values contradict each other.
        NotFound: It is, and `--resume` finds no run that has it.
    """
    _check_given()
    specs = {
        part.kind: part_flags.spec_of(
            part.kind, FLAGS[part.flag].value, prefix=part.prefix
        )
        for part in _PARTS
    }
    return plan_lib.Plan(
        **specs,
        paths=paths.chosen(),
        training=definitions.settings_of(options.Training),
        optimizers=definitions.settings_of(options.Optimizers),
        reports=definitions.settings_of(plan_lib.Reports),
        devices=definitions.settings_of(plan_lib.Devices),
        start=definitions.settings_of(plan_lib.Start),
        recipe=_recipe_text(),
        flags=_flat({name: FLAGS[name].value for name in _recipe_names()}),
        chosen=_flat({name: FLAGS[name].value for name in _chosen()}),
    )


def _check_given() -> None:
    """Refuses a command line that lacks required flags."""
    try:
        values.check_given("workdir", "epochs", "batch_size")
    except errors.InvalidValue as error:
        if not FLAGS.resume or not FLAGS.workdir or folder().holds_run:
            raise
        raise errors.NotFound(
            "--resume without a recipe takes the flags of the run in --workdir",
            received=f"{folder().path}, which holds no run",
            do=f"Check the path. To begin a run, {error.do[0].lower()}{error.do[1:]}",
        ) from error


def folder() -> folder_lib.Folder:
    """Returns the run's folder."""
    return folder_lib.Folder(pathlib.Path(FLAGS.workdir).expanduser())


def _flat(values: Mapping[str, object]) -> dict[str, object]:
    """Returns values with those of groups as separate entries: `beta_1.flow`."""
    flat = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            items = value.items()
            flat |= {
                f"{name}.{key}" if key else name: setting for key, setting in items
            }
        else:
            flat[name] = value
    return flat


def _recipe_names() -> list[str]:
    names = {flag.name for flag in program.own_flags()}
    return sorted(names - set(_NOT_IN_RECIPES))


def _chosen() -> list[str]:
    """Returns the flags that differ from their defaults, and those of all runs."""
    shown = {*_IN_ALL_RUNS, *(part.flag for part in _PARTS)}
    names = _recipe_names()
    return [n for n in names if n in shown or FLAGS[n].value != FLAGS[n].default]


def _recipe_text() -> str:
    """Returns all flags with their values, one per line."""
    lines = []
    for name in _recipe_names():
        flag = FLAGS[name]
        if flag.value is not None:
            lines.append(flag.serialize())
        elif flag.default is not None:
            lines.append(f"--{name}=none")
    return "\n".join(lines) + "\n"
