# SPDX-License-Identifier: Apache-2.0
"""What a run wrote of its own training, beside what is measured of its model."""

__all__ = ["last"]

import math
import pathlib
from collections.abc import Sequence

from glf_tf.comparison import columns
from glf_tf.data import image_set
from glf_tf.metrics import protocol
from glf_tf.plotting import curves


def last(
    run: pathlib.Path, names: Sequence[str], *, train: image_set.ImageSet
) -> list[protocol.Measurement]:
    """Returns the last values of scalars, of those that the run has.

    Those of "epoch/" are running averages over the training images of an epoch, while
    weights move; those of "test/" and "validation/" are of the weights after it.

    Args:
        run: The run's folder.
        names: Names of scalars of `metrics.jsonl`, such as "epoch/nll".
        train: The training images.

    Raises:
        NotFound: The run has no scalars.
    """
    history = curves.read(run) if names else None
    how = protocol.Protocol(
        source=columns.TRAINING,
        dataset=train.name,
        reference_split="train",
        reference_digest=train.digest,
        references=len(train),
        samples=len(train),
    )
    found = {name: history.curve(name).values for name in names}
    return [
        protocol.Measurement(
            metric=name, title=name, values=(float(values[-1]),), protocol=how
        )
        for name, values in found.items()
        if len(values) and math.isfinite(values[-1])
    ]
