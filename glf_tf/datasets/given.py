# SPDX-License-Identifier: Apache-2.0
"""Reads what a user of Python trains on: images, or a data set by any of its ways."""

__all__ = ["Given", "read"]

from collections.abc import Mapping
from typing import NamedTuple

from glf_tf import parts
from glf_tf.data import image_set, python_arrays
from glf_tf.data import paths as paths_lib
from glf_tf.datasets import dataset as dataset_lib


class Given(NamedTuple):
    """What was given.

    Attributes:
        images: One split.
        dataset: The data set that it is of; None where images were given themselves.
    """

    images: image_set.ImageSet
    dataset: dataset_lib.AbstractDataset | None


def read(x: object, *, split: dataset_lib.Split) -> Given:
    """Returns a split of what is given.

    Args:
        x: A data set, as an object, a specification or a name; or what
            `data.python_arrays.read` takes.
        split: "train" or "test": the split of a data set, and the name of other images.

    Raises:
        InvalidType: It is neither.
        InvalidValue: The images break a rule, or the name is unknown.
        NotFound: The data set has no copy where it is looked for.
    """
    if not isinstance(x, (str, Mapping, dataset_lib.AbstractDataset)):
        return Given(python_arrays.read(x, split=split), None)
    dataset = parts.make("dataset", x, paths=paths_lib.DataPaths())
    return Given(dataset.load(split), dataset)
