# SPDX-License-Identifier: Apache-2.0
"""Samples of a run beside the training images that are nearest to them."""

__all__ = ["Nearest", "of_run"]

import dataclasses
import pathlib

import numpy as np

from glf_tf import errors
from glf_tf.data import image_set
from glf_tf.data import paths as paths_lib
from glf_tf.experiments import restore
from glf_tf.metrics import neighbors
from glf_tf.tasks import pictures, reconstruct, sample


@dataclasses.dataclass(frozen=True)
class Nearest:
    """A picture, and what it says.

    Attributes:
        png: The picture, to the right of each sample its nearest training image.
        distances: Euclidean, of pixels in [0, 1] `[size]`.
    """

    png: bytes
    distances: np.ndarray


def of_run(
    path: pathlib.Path, *, count: int, paths: paths_lib.DataPaths
) -> Nearest | None:
    """Returns samples beside what is nearest to them; None of a model of no images.

    Args:
        path: The run's folder.
        count: Number of samples.
        paths: Where the data are; the folder of the run if none is set.

    Raises:
        NotFound: There is no run, no checkpoint, or no data.
        Damaged: The images differ from the recorded ones.
    """
    train = restore.load_data(path, "train", paths=paths)
    if not isinstance(train, image_set.ImageSet):
        return None
    model = restore.load_model(path)
    drawn = np.asarray(next(sample.sample(model, count, seed=0)), np.float32)
    if drawn.shape[1:] != train.image_shape:
        raise errors.Damaged(
            "Samples have the shape of the training images",
            received=f"{drawn.shape[1:]} and {train.image_shape}",
            do="Pass the --data_dir of the run",
        )
    flat = np.reshape(train.images, [len(train.images), -1])
    index, distance = neighbors.nearest(np.reshape(drawn, [count, -1]), others=flat)
    found = np.float32(train.images[index]) / 255.0
    both = reconstruct.side_by_side(drawn, found)
    return Nearest(pictures.to_png(pictures.grid(both, columns=8)), distance)
