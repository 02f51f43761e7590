# SPDX-License-Identifier: Apache-2.0
"""Flags of a training run, and the plan that they make."""

__all__ = ["define_training", "plan", "folder"]

import pathlib
from collections.abc import Mapping

from absl import flags

from glf_tf import catalogue, recipe
from glf_tf.cli import definitions, places, program, values
from glf_tf.runs import folder as folder_lib
from glf_tf.runs import plan as plan_lib
from glf_tf.training import options

FLAGS = flags.FLAGS

_SETTINGS = (options.Optimizers, options.Training, plan_lib.Reports)
_NOT_IN_RECIPES = ("workdir", "resume")


def define_training(arguments: list[recipe.Argument]) -> None:
    """Defines the flags of a training run, those of the parts it names included."""
    flags.DEFINE_string("workdir", None, "The run's folder.")
    flags.DEFINE_bool("resume", False, "Go on from the run's newest checkpoint.")
    flags.DEFINE_enum("model", "glf", catalogue.names("model"), "The model.")
    flags.DEFINE_enum("dataset", "digits", catalogue.names("dataset"), "The data set.")
    places.define()
    flags.DEFINE_enum(
        "strategy",
        plan_lib.Plan.strategy,
        ["auto", "one_device", "mirrored"],
        "How to use several devices.",
    )
    for settings in _SETTINGS:
        definitions.define_settings(settings)
    model = definitions.chosen(arguments, "model", default="glf")
    for option in catalogue.options("model", model).values():
        definitions.define_option(option.name, option)
    for kind, default in _parts(model).items():
        name = definitions.chosen(arguments, kind, default=default)
        for option in catalogue.options(kind, name).values():
            definitions.define_option(f"{kind}.{option.name}", option)


def plan() -> plan_lib.Plan:
    """Returns the plan that the flags describe.

    Raises:
        InvalidValue: A flag that has no default is missing, or values contradict.
    """
    for name in ("workdir", "epochs", "batch_size"):
        values.needed(name)
    model = FLAGS.model
    return plan_lib.Plan(
        dataset=definitions.part_of("dataset", FLAGS.dataset),
        model={
            "name": model,
            **{name: FLAGS[name].value for name in catalogue.options("model", model)},
            **{
                kind: definitions.part_of(kind, FLAGS[kind].value)
                for kind in _parts(model)
                if kind != "dataset"
            },
        },
        places=places.chosen(),
        training=definitions.settings_of(options.Training),
        optimizers=definitions.settings_of(options.Optimizers),
        reports=definitions.settings_of(plan_lib.Reports),
        strategy=FLAGS.strategy,
        recipe=_recipe_text(),
        flags=_flat({name: FLAGS[name].value for name in _recipe_names()}),
    )


def folder() -> folder_lib.Folder:
    """Returns the run's folder."""
    return folder_lib.Folder(pathlib.Path(FLAGS.workdir).expanduser())


def _parts(model: str) -> dict[str, str]:
    """Returns the kinds of parts that a run has beside its model, with defaults."""
    found = {"dataset": "digits"}
    for option in catalogue.options("model", model).values():
        if option.annotation.endswith("Spec"):
            found[option.name] = option.default
    return found


def _flat(values: Mapping[str, object]) -> dict[str, object]:
    """Returns values with those of groups under names of their own: `beta_1.flow`."""
    flat = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            items = value.items()
            flat |= {f"{name}.{key}" if key else name: one for key, one in items}
        else:
            flat[name] = value
    return flat


def _recipe_names() -> list[str]:
    names = {flag.name for flag in program.own_flags()}
    return sorted(names - set(_NOT_IN_RECIPES))


def _recipe_text() -> str:
    """Returns every flag and its value, one a line."""
    lines = []
    for name in _recipe_names():
        flag = FLAGS[name]
        if flag.value is not None:
            lines.append(flag.serialize())
    return "\n".join(lines) + "\n"
