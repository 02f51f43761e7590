# SPDX-License-Identifier: Apache-2.0
"""Makes a preset from a run: what loads it, in half precision, and its figures."""

__all__ = ["make"]

import json
import pathlib
from collections.abc import Mapping, Sequence

import tensorflow as tf

from glf_tf import errors, files, folders
from glf_tf.experiments import cards, presets, restore
from glf_tf.experiments import folder as folder_lib
from glf_tf.models import base_model
from glf_tf.training import checkpoints, saved_variables

KIND = "preset"


def make(
    run: folder_lib.Folder,
    target: pathlib.Path,
    *,
    which: restore.Which = "latest",
    about: Mapping[str, str],
    measured: Sequence[Mapping] = (),
    measured_before: Sequence[Mapping] = (),
) -> presets.Preset:
    """Writes a preset, and returns it.

    Its weights are those that sampling uses: averages, if the run has any. Of what
    trains the model on, nothing is kept, such as optimisers or a sharpening with its
    critic; neither are places of this machine.

    Args:
        run: The run's folder.
        target: An empty folder, or a preset, which is replaced.
        which: The run's checkpoint.
        about: "title", "command", "commit" and "trained"; see `presets`.
        measured: Records of measurements of the preset.
        measured_before: Records of measurements of the run.

    Raises:
        Occupied: The folder has other content.
        InvalidValue: The folder is that of the run, or in it.
        UserError: The run cannot be loaded.
    """
    if run.path.resolve() in (target.resolve(), *target.resolve().parents):
        raise errors.InvalidValue(
            "A preset is written beside the run that it is made of",
            received=f"{target} for the run {run.path}",
            do="Pass another folder",
        )
    loaded = restore.load(run.path, which=which)
    described = _without_sharpening(_without_places(run.read()))
    texts = {**about, "measured": measured, "measured_before": measured_before}
    with folders.replacing(target, kind=KIND) as aside:
        made = folder_lib.Folder(aside)
        made.describe(described)
        files.write(made.flags, described["history"][-1]["recipe"])
        _save(loaded, made.checkpoints, kept=restore.built(described))
        files.write(aside / folder_lib.PRESET, json.dumps(texts, indent=1) + "\n")
    return presets.read(target)


def _without_places(described: Mapping) -> dict:
    """Returns a run's description without the places of files on this machine."""
    entries = [
        {
            **entry,
            "recipe": cards.without_places(entry["recipe"]),
            "changed": {
                name: change
                for name, change in entry["changed"].items()
                if not cards.is_place(name)
            },
        }
        for entry in described["history"]
    ]
    source = described.get("data_source", "")
    source = "files" if {"/", "\\"} & set(source) else source
    return {**described, "data_dir": "", "data_source": source, "history": entries}


def _without_sharpening(described: Mapping) -> dict:
    """Returns a run's description with a model that is not sharpened any more."""
    model = described["model"].items()
    kept = {key: value for key, value in model if key != "sharpen"}
    return {**described, "model": kept}


def _save(
    loaded: restore.Loaded, folder: pathlib.Path, *, kept: base_model.AbstractModel
) -> None:
    """Saves a model's variables as the checkpoint of a run that is over.

    Args:
        loaded: The model, with all its variables.
        folder: Of the checkpoints.
        kept: A model with the variables that are to be saved.
    """
    variables = saved_variables.variables_of(loaded.model)
    names = saved_variables.variables_of(kept)
    halved = {name: _halved(variables[name]) for name in names}
    state = {"stage": len(kept.stages()), "step": 0, "callbacks": {}}
    store = checkpoints.Checkpoints(folder, halved)
    store.save({**state, "global_step": loaded.step}, step=loaded.step)


def _halved(variable: tf.Variable) -> tf.Variable:
    """Returns the kernels in float16, which they must fit, and all else as it is.

    Biases, norms and single numbers are few, and some of them are large.
    """
    value = tf.convert_to_tensor(variable)
    half = tf.cast(value, tf.float16)
    is_kernel = value.dtype == tf.float32 and value.shape.rank > 1
    if is_kernel and bool(tf.reduce_all(tf.math.is_finite(half))):
        return tf.Variable(half)
    return tf.Variable(value)
