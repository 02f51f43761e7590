# SPDX-License-Identifier: Apache-2.0
"""Flags, models and data for tools that use a trained model."""

__all__ = [
    "define_loading",
    "define_images",
    "define_measuring",
    "define_skipping",
    "check_given",
    "folder",
    "load",
    "load_model",
    "load_images",
    "load_split",
    "load_dataset",
    "dataset_options",
]

import pathlib
from collections.abc import Sequence

from absl import flags

from glf_tf import catalogue, errors
from glf_tf.cli import groups, kinds, part_flags, paths, training, values
from glf_tf.data import paths as paths_lib
from glf_tf.experiments import folder as folder_lib
from glf_tf.experiments import presets

FLAGS = flags.FLAGS

_AT_ONCE = 256
"""Batch size of tools that sample or encode."""


def define_loading() -> list[part_flags.Part]:
    """Defines the flags of a tool that loads a trained model; returns no parts."""
    with groups.group("run"):
        flags.DEFINE_string(
            "preset",
            None,
            "A trained model of the library, such as glf/digits, in the place of "
            "--workdir; `glf-tf presets` lists all.",
        )
        kinds.define_path("workdir", None, "The folder of a run.")
        flags.DEFINE_enum(
            "checkpoint",
            "latest",
            ["latest", "best"],
            "Which of the run's checkpoints.",
        )
    with groups.group("devices"):
        flags.DEFINE_enum(
            "strategy",
            "one_device",
            ["one_device", "mirrored"],
            "Devices of the model; mirrored: all devices of the host, which "
            "share the samples.",
        )
    paths.define()
    paths.define_accepting()
    return []


def define_measuring() -> list[part_flags.Part]:
    """Defines the flags of a tool that loads a model or data set; returns the part."""
    define_loading()
    part = part_flags.Part("dataset", "", prefix="dataset.")
    with groups.group("data"):
        part_flags.define(part, "The data set; by default that of the run.")
    return [part]


def define_images() -> None:
    """Defines the flags of a tool that takes a user's own images."""
    with groups.group("data"):
        kinds.define_path(
            "images",
            None,
            "A picture, a folder of them, NAME.npy or NAME.npz, for the test images.",
        )
    define_skipping()


def define_skipping() -> None:
    """Defines the flag for broken pictures."""
    with groups.group("data"):
        flags.DEFINE_enum(
            "on_broken",
            "refuse",
            ["refuse", "skip"],
            "What to do with unreadable pictures: refuse all, or skip them.",
        )


def check_given(*names: str) -> None:
    """Refuses a command line that lacks a run, or other required flags.

    Raises:
        InvalidValue: Some were not given, or a run and a preset were.
    """
    instead = {"workdir": "preset"} if _takes_presets() else {}
    values.check_given("workdir", *names, instead=instead)
    if _preset() and FLAGS.workdir:
        values.refuse_beside("preset", {"workdir": FLAGS.workdir})


def folder() -> folder_lib.Folder:
    """Returns the folder of the run, or that of the preset.

    Raises:
        InvalidValue: Neither or both are given, or the preset is unknown.
    """
    check_given()
    if name := _preset():
        return folder_lib.Folder(presets.named(name).path)
    return training.folder()


def _preset() -> str | None:
    """Returns the name of the preset; None without one, or of a tool that has none."""
    return FLAGS.preset if _takes_presets() else None


def _takes_presets() -> bool:
    return FLAGS.find_module_defining_flag("preset") == __name__


def _is_of_run() -> bool:
    return bool(FLAGS.workdir or _preset())


def load():
    """Returns the model of the run or preset and of `--checkpoint`, and its step."""
    from glf_tf.devices import processors, strategies
    from glf_tf.experiments import restore

    run = folder()
    processors.configure(model=run.read()["model"], batch_size=_AT_ONCE)
    with strategies.strategy(FLAGS.strategy).scope():
        return restore.load(run.path, which=FLAGS.checkpoint)


def load_model():
    """Returns the model of the run or preset and of `--checkpoint`."""
    return load().model


def load_images(count: int | None = None, *, indices: Sequence[int] | None = None):
    """Returns images, float32 in [0, 1]: those of `--images`, or the run's test images.

    Args:
        count: The number of images from the beginning; all if there are fewer.
        indices: The indices of the images, instead of `count`.

    Raises:
        InvalidValue: An index is out of range.
        Unsupported: The run is not one of images.
    """
    from glf_tf.data import pixels
    from glf_tf.experiments import restore

    restore.image_shape_of(folder().read())

    images = _given_images() if FLAGS.images else load_split("test").images
    chosen = range(min(count, len(images))) if indices is None else indices
    if indices is not None and len(images) < len(set(indices)):
        raise errors.InvalidValue(
            f"There must be {len(set(indices))} images",
            received=f"{len(images)} in --images={FLAGS.images}",
            do="Pass a folder or an array of more, or choose one twice",
        )
    for index in chosen:
        if not 0 <= index < len(images):
            raise errors.InvalidValue(
                f"The images have the indices 0 to {len(images) - 1}",
                received=f"index {index}",
                do="Choose one of them",
            )
    return pixels.to_unit(images[list(chosen)])


def _given_images():
    """Returns the images of `--images`, in the shape of the run's data."""
    from glf_tf.evaluation import user_images
    from glf_tf.experiments import restore

    return user_images.read(
        pathlib.Path(FLAGS.images),
        image_shape=restore.image_shape_of(folder().read()),
        flag="--images",
        resize=squaring(),
        on_broken=FLAGS.on_broken,
    ).images


def squaring():
    """Returns how pictures become images of the run or of `--dataset`."""
    spec = _dataset_spec()
    return catalogue.build("dataset", spec, paths=paths_lib.DataPaths()).squaring


def load_split(split):
    """Returns a split, "train" or "test", of the data that the run was trained on."""
    from glf_tf.experiments import restore

    return restore.load_data(
        folder().path,
        split,
        paths=paths.chosen(),
        accept_new_data=FLAGS.accept_new_data,
    )


def load_dataset(held_out="test"):
    """Returns training set, test set and paths, of the run or of `--dataset`.

    Args:
        held_out: "validation" for images that were held out in the place of the test
            images, which are not read then.

    Raises:
        InvalidValue: Neither or both are given.
    """
    if _is_of_run() and FLAGS.dataset:
        raise errors.InvalidValue(
            "A run is evaluated on its own data set",
            received=f"{'--workdir' if FLAGS.workdir else '--preset'} and "
            f"--dataset={FLAGS.dataset}",
            do="Leave --dataset out",
        )
    if _is_of_run():
        return load_split("train"), load_split(held_out), paths.chosen()
    values.needed("dataset")
    spec = part_flags.spec_of("dataset", FLAGS.dataset, prefix="dataset.")
    found = catalogue.build("dataset", spec, paths=paths.chosen())
    return found.load("train"), found.load(held_out), paths.chosen()


def _dataset_spec():
    """Returns the data set of the run or preset, or that of `--dataset`."""
    if _is_of_run():
        return folder().read()["dataset"]
    return part_flags.spec_of("dataset", values.needed("dataset"), prefix="dataset.")


def dataset_options() -> str:
    """Returns the data set's options as text, such as "crop=160, size=64"."""
    spec = _dataset_spec()
    return ", ".join(f"{key}={spec[key]}" for key in spec if key != "name")
