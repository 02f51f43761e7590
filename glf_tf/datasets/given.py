# SPDX-License-Identifier: Apache-2.0
"""Reads what a user of Python trains on: examples, or a data set by any of its ways."""

__all__ = ["Given", "read"]

from collections.abc import Mapping
from typing import NamedTuple

from glf_tf import parts
from glf_tf.data import (
    example_set,
    image_set,
    python_arrays,
    python_vectors,
    vector_set,
)
from glf_tf.data import paths as paths_lib
from glf_tf.datasets import dataset as dataset_lib


class Given(NamedTuple):
    """What was given.

    Attributes:
        examples: One split.
        dataset: The data set that it is of; None where examples were given themselves.
    """

    examples: example_set.AbstractExampleSet
    dataset: dataset_lib.AbstractDataset | None


def read(
    x: object,
    *,
    split: dataset_lib.Split,
    kind: type[example_set.AbstractExampleSet] = image_set.ImageSet,
) -> Given:
    """Returns a split of what is given.

    Args:
        x: A data set, as an object, a specification or a name; a set of examples; or
            what `data.python_arrays.read` takes, for vectors `data.python_vectors`.
        split: "train" or "test": the split of a data set, and the name of other
            examples.
        kind: The class of sets of examples that arrays become.

    Raises:
        InvalidType: It is neither.
        InvalidValue: The examples break a rule, or the name is unknown.
        NotFound: The data set has no copy where it is looked for.
    """
    if isinstance(x, example_set.AbstractExampleSet):
        return Given(x, None)
    if not isinstance(x, (str, Mapping, dataset_lib.AbstractDataset)):
        reader = python_vectors if kind is vector_set.VectorSet else python_arrays
        return Given(reader.read(x, split=split), None)
    dataset = parts.make("dataset", x, paths=paths_lib.DataPaths())
    return Given(dataset.load(split), dataset)
