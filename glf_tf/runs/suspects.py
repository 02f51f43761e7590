# SPDX-License-Identifier: Apache-2.0
"""Images that a run is asked about: do they belong to its data?"""

__all__ = ["Suspects", "of_run"]

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np

from glf_tf import catalogue, errors, types
from glf_tf.data import dataset as dataset_lib
from glf_tf.data import image_set, picture_files, without
from glf_tf.runs import folder as folder_lib
from glf_tf.tasks import infer


@dataclasses.dataclass(frozen=True)
class Suspects:
    """Images of which some are anomalies.

    Attributes:
        title: What they are, for people.
        images: uint8 `[size, height, width, channels]`.
        is_anomaly: bool `[size]`.
        names: What each image is called.
    """

    title: str
    images: np.ndarray
    is_anomaly: np.ndarray
    names: Sequence[str]


def of_run(
    workdir: pathlib.Path,
    *,
    places: dataset_lib.Places,
    against: str = "",
) -> Suspects:
    """Returns what a run is asked about.

    Args:
        workdir: The run's folder.
        places: Where data may be; the run's own folder of data where it names none.
        against: What the anomalies are, beside the run's test images: a data set's
            name, for its test images, an array NAME.npy, or a folder of pictures; ""
            for the class that training left out, with its own share of test images.

    Raises:
        InvalidValue: Training left no class out, and nothing is given.
        NotFound: There is no run, or there are no such images.
    """
    described = folder_lib.Folder(workdir).read()
    if places.data_dir is None and described["data_dir"]:
        data_dir = pathlib.Path(described["data_dir"])
        places = dataclasses.replace(places, data_dir=data_dir)
    own = catalogue.build("dataset", described["dataset"], places=places)
    if against:
        return _against(own.load("test"), against, places=places)
    if not isinstance(own, without.Without):
        raise errors.InvalidValue(
            "Anomalies are images of a class that training left out, or are given",
            received=f"{workdir}, a run of {catalogue.name_of(described['dataset'])}",
            do="Train with --dataset=without --dataset.label=..., or pass --against",
        )
    mixed = own.load_mixed()
    return Suspects(
        title=f"{mixed.name}, {own.split} split",
        images=mixed.images,
        is_anomaly=mixed.labels == own.label,
        names=[f"{i} (label {label})" for i, label in enumerate(mixed.labels)],
    )


def _against(
    normal: image_set.ImageSet, against: str, *, places: dataset_lib.Places
) -> Suspects:
    """Returns a run's test images, and then others as anomalies."""
    others, names = _others(against, image_shape=normal.image_shape, places=places)
    if others.shape[1:] != normal.image_shape:
        raise errors.InvalidValue(
            "Images that are scored must have the shape of the run's data",
            received=f"{others.shape[1:]} in {against} for {normal.image_shape}",
            do="Resize them, or pass a folder of pictures, which are resized",
        )
    sizes = (len(normal), len(others))
    return Suspects(
        title=f"{normal.name} against {pathlib.Path(against).name}",
        images=np.concatenate([normal.images, others]),
        is_anomaly=np.repeat([False, True], sizes),
        names=[*(f"{normal.name} {i}" for i in range(len(normal))), *names],
    )


def _others(
    against: str, *, image_shape: types.ImageShape, places: dataset_lib.Places
) -> tuple[np.ndarray, list[str]]:
    if against in catalogue.names("dataset"):
        found = catalogue.build("dataset", against, places=places).load("test")
        return found.images, [f"{against} {i}" for i in range(len(found))]
    path = pathlib.Path(against).expanduser()
    if path.suffix == ".npy" and path.is_file():
        images = infer.to_unit(np.load(path))
        return np.uint8(np.rint(255 * images)), [
            f"{path} {i}" for i in range(len(images))
        ]
    return _pictures(path, image_shape=image_shape, places=places)


def _pictures(
    path: pathlib.Path, *, image_shape: types.ImageShape, places: dataset_lib.Places
) -> tuple[np.ndarray, list[str]]:
    """Returns the centres of a folder's pictures, resized, and the files' names."""
    files = picture_files.listed(path) if path.is_dir() else []
    if not files:
        raise errors.NotFound(
            "What is scored is a data set, an array NAME.npy or a folder of pictures",
            received=f"--against={path}, with no picture in it",
            do=errors.suggestion(str(path), catalogue.names("dataset")),
        )
    height, width, channels = image_shape
    if height != width:
        raise errors.Unsupported(
            "Pictures are cut to squares",
            received=f"images of {height}x{width}",
            do="Pass an array NAME.npy of that size",
        )
    images = picture_files.load(
        files,
        root=path,
        key={"dataset": "folder", "split": "test"},
        places=places,
        size=height,
        channels=channels,
    )
    return images, [file.relative_to(path).as_posix() for file in files]
