# SPDX-License-Identifier: Apache-2.0
"""Images of which some are anomalies, for a run's anomaly scores."""

__all__ = ["AnomalySet", "of_run", "others", "to_judge"]

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np

from glf_tf import catalogue, errors, types
from glf_tf.data import decoding, image_set, pixels
from glf_tf.data import paths as paths_lib
from glf_tf.datasets import dataset as dataset_lib
from glf_tf.datasets import held_out, without
from glf_tf.evaluation import user_images
from glf_tf.experiments import folder as folder_lib
from glf_tf.experiments import restore


@dataclasses.dataclass(frozen=True)
class AnomalySet:
    """Images of which some are anomalies.

    Attributes:
        title: A description for readers.
        images: uint8 `[size, height, width, channels]`.
        is_anomaly: bool `[size]`.
        names: Name of each image.
        held_out: Other normal images that training has not seen, the run's validation
            images, uint8 `[n, height, width, channels]`; None without them.
    """

    title: str
    images: np.ndarray
    is_anomaly: np.ndarray
    names: Sequence[str]
    held_out: np.ndarray | None = None

    @property
    def calibrating(self) -> int:
        """How many normal images set thresholds: `held_out`, or a half of the others.

        See `alarms.calibration`.
        """
        if self.held_out is not None:
            return len(self.held_out)
        return int(np.count_nonzero(~self.is_anomaly)) // 2


def of_run(
    workdir: pathlib.Path,
    *,
    paths: paths_lib.DataPaths,
    against: str = "",
    on_broken: decoding.OnBroken = "refuse",
    accept_new_data: bool = False,
) -> AnomalySet:
    """Returns the images that a run scores.

    Args:
        workdir: The run's folder.
        paths: Paths of data; the data folder of the run if None is set.
        against: The anomalies, added to the run's test images: a data set's name (its
            test images), an array NAME.npy or NAME.npz, or a folder of pictures; ""
            for the class that training left out, in the data set's test split.
        on_broken: "skip" leaves out pictures that cannot be read, with a warning.
        accept_new_data: Whether to accept test images that differ from the recorded
            ones.

    Raises:
        Damaged: The run's test images differ from the recorded ones.
        InvalidValue: Training left no class out, and `against` is "".
        NotFound: The run or the images do not exist.
    """
    described = folder_lib.Folder(workdir).read()
    restore.image_shape_of(described)
    paths = restore.paths_of(described, paths)
    normal = restore.load_data(
        workdir, "test", paths=paths, accept_new_data=accept_new_data
    )
    own = catalogue.build("dataset", described["dataset"], paths=paths)
    asked = _of_run(workdir, normal, own, against=against, on_broken=on_broken)
    if "validation" not in own.splits:
        return asked
    held_out = restore.load_data(
        workdir, "validation", paths=paths, accept_new_data=accept_new_data
    )
    return dataclasses.replace(asked, held_out=held_out.images)


def _of_run(
    workdir: pathlib.Path,
    normal: image_set.ImageSet,
    own: dataset_lib.AbstractDataset,
    *,
    against: str,
    on_broken: decoding.OnBroken,
) -> AnomalySet:
    """Returns a run's test images with anomalies; see `of_run`."""
    if against:
        return _against(normal, against, own=own, on_broken=on_broken)
    whole = own.whole if isinstance(own, held_out.HeldOut) else own
    if not isinstance(whole, without.Without):
        raise errors.InvalidValue(
            "Anomalies are a class that training left out, or are given by --against",
            received=f"{workdir}, a run of {normal.name}",
            do="Train with --dataset=without --dataset.label=..., or pass --against",
        )
    mixed = whole.load_mixed()
    return AnomalySet(
        title=f"{mixed.name}, {whole.split} split",
        images=mixed.images,
        is_anomaly=mixed.labels == whole.label,
        names=[f"{i} (label {label})" for i, label in enumerate(mixed.labels)],
    )


def others(
    workdir: pathlib.Path,
    against: str,
    *,
    paths: paths_lib.DataPaths,
    on_broken: decoding.OnBroken = "refuse",
) -> image_set.ImageSet:
    """Returns other images than those of a run's data, in their shape.

    Args:
        workdir: The run's folder.
        against: The images; see `of_run`.
        paths: Paths of data; the data folder of the run if None is set.
        on_broken: "skip" leaves out pictures that cannot be read, with a warning.

    Raises:
        InvalidValue: They have another shape.
        NotFound: The run or the images do not exist.
    """
    described = folder_lib.Folder(workdir).read()
    paths = restore.paths_of(described, paths)
    own = catalogue.build("dataset", described["dataset"], paths=paths)
    image_shape = restore.image_shape_of(described)
    images, _ = _others(against, image_shape=image_shape, own=own, on_broken=on_broken)
    return image_set.ImageSet(_named(against), "test", images)


def to_judge(
    workdir: pathlib.Path,
    given: str,
    *,
    paths: paths_lib.DataPaths,
    on_broken: decoding.OnBroken = "refuse",
    accept_new_data: bool = False,
) -> tuple[image_set.ImageSet, user_images.UserImages]:
    """Returns normal images that a run has not trained on, and images to be judged.

    The normal images are those of the run's validation, if it has any, and otherwise
    its test images.

    Args:
        workdir: The run's folder.
        given: The images to be judged; see `against` of `of_run`.
        paths: Paths of data; the data folder of the run if None is set.
        on_broken: "skip" leaves out pictures that cannot be read, with a warning.
        accept_new_data: Whether to accept normal images that differ from the recorded
            ones.

    Raises:
        Damaged: The normal images differ from the recorded ones.
        InvalidValue: The images have another shape.
        NotFound: The run or the images do not exist.
    """
    described = folder_lib.Folder(workdir).read()
    image_shape = restore.image_shape_of(described)
    paths = restore.paths_of(described, paths)
    own = catalogue.build("dataset", described["dataset"], paths=paths)
    images, names = _others(
        given, flag="--images", image_shape=image_shape, own=own, on_broken=on_broken
    )
    split = "validation" if "validation" in own.splits else "test"
    normal = restore.load_data(
        workdir, split, paths=paths, accept_new_data=accept_new_data
    )
    return normal, user_images.UserImages(images, names)


def _against(
    normal: image_set.ImageSet,
    against: str,
    *,
    own: dataset_lib.AbstractDataset,
    on_broken: decoding.OnBroken,
) -> AnomalySet:
    """Returns a run's test images, followed by other images as anomalies."""
    images, names = _others(
        against, image_shape=normal.image_shape, own=own, on_broken=on_broken
    )
    sizes = (len(normal), len(images))
    return AnomalySet(
        title=f"{normal.name} against {_named(against)}",
        images=np.concatenate([normal.images, images]),
        is_anomaly=np.repeat([False, True], sizes),
        names=[*(f"{normal.name} {i}" for i in range(len(normal))), *names],
    )


def _others(
    against: str,
    *,
    flag: str = "--against",
    image_shape: types.ImageShape,
    own: dataset_lib.AbstractDataset,
    on_broken: decoding.OnBroken,
) -> tuple[np.ndarray, list[str]]:
    """Returns the images of a data set or of a path, uint8, and their names.

    Raises:
        InvalidValue: They have another shape.
    """
    images, names = _read(
        against, flag=flag, image_shape=image_shape, own=own, on_broken=on_broken
    )
    if images.shape[1:] != image_shape:
        raise errors.InvalidValue(
            "Images that are scored must have the shape of the run's data",
            received=f"{images.shape[1:]} in {against} for {image_shape}",
            do="Resize them, or pass a folder of pictures, which are resized",
        )
    return images, names


def _read(
    against: str,
    *,
    flag: str,
    image_shape: types.ImageShape,
    own: dataset_lib.AbstractDataset,
    on_broken: decoding.OnBroken,
) -> tuple[np.ndarray, list[str]]:
    is_path = pathlib.Path(against).exists()
    is_plugin = not is_path and catalogue.is_plugin("dataset", against)
    is_set = is_plugin or against in catalogue.names("dataset")
    if is_set and is_path:
        raise errors.InvalidValue(
            f"{flag} names a data set, or is a path",
            received=f"{flag}={against}, which is both here",
            do=f"Pass {pathlib.Path(against).absolute()}, or rename that folder",
        )
    if is_set:
        found = catalogue.build("dataset", against, paths=own.paths).load("test")
        found = image_set.checked(found, by="Anomalies")
        return found.images, [f"{against} {i}" for i in range(len(found))]
    given = user_images.read(
        pathlib.Path(against),
        image_shape=image_shape,
        flag=flag,
        resize=own.squaring,
        on_broken=on_broken,
    )
    return pixels.round_to_uint8(given.images), given.names


def _named(against: str) -> str:
    """Returns the name of a data set, of a file or of a folder."""
    return errors.printable(pathlib.Path(against).name)
