# SPDX-License-Identifier: Apache-2.0
"""Anomaly detection by each checkpoint of a run, and what a choice among them is worth.

The literature often prints the checkpoint that is best on the test images, anomalies
included. That is no result of a detector which has to be chosen without anomalies;
beside the first, the last and the best by validation, it shows what the look is worth.
"""

__all__ = ["CHOICES", "ON_TEST", "by_checkpoint", "choices"]

import dataclasses
import pathlib
from collections.abc import Sequence

from glf_tf.callbacks import saving
from glf_tf.evaluation import anomaly_sets, detection
from glf_tf.experiments import folder as folder_lib
from glf_tf.experiments import restore
from glf_tf.training import checkpoints

ON_TEST = "best_on_test"

CHOICES = ("first", "last", "best", ON_TEST)
"""The first and the last checkpoint that the run kept; the best by its `best_by`; and
the one of the largest average precision on the test images, which is chosen on them.
"""


def by_checkpoint(
    workdir: pathlib.Path, images: anomaly_sets.AnomalySet, **how
) -> list[detection.Detection]:
    """Returns the detections of all checkpoints that a run kept, oldest first.

    The best one is among them if the run chose one, by a scalar that its last stage
    measured; it is called "best", and where it is one of the others as well, it is
    scored once.

    Args:
        workdir: The run's folder.
        images: The images, and which of them are anomalies.
        **how: More arguments of `detection.detect`, except for `which`.

    Raises:
        NotFound: There is no run, or no checkpoint.
        Damaged: A checkpoint is not intact.
    """
    found = [
        detection.detect(workdir, images, which=step, **how)
        for step in restore.kept_steps(workdir)
    ]
    state = checkpoints.state_of_best(folder_lib.Folder(workdir).checkpoints)
    if state is None or saving.score_in(state) is None:
        return found
    for known in found:
        if known.step == state["global_step"]:
            return [*found, dataclasses.replace(known, checkpoint="best")]
    return [*found, detection.detect(workdir, images, which="best", **how)]


def choices(found: Sequence[detection.Detection]) -> list[detection.Detection]:
    """Returns the detections of a run by the names of `CHOICES`.

    Args:
        found: Those of its checkpoints; see `by_checkpoint`.

    Returns:
        chosen: "best" is left out if the run chose none; there is one of "best_on_test"
            for each weight, by the average precision with it.
    """
    kept = [known for known in found if known.checkpoint != "best"]
    chosen = [
        dataclasses.replace(kept[0], checkpoint="first"),
        dataclasses.replace(kept[-1], checkpoint="last"),
        *(known for known in found if known.checkpoint == "best"),
    ]
    for weight in kept[0].weights:
        top = max(found, key=lambda known: known.scores(weight).average_precision)
        on_test = dataclasses.replace(top, checkpoint=ON_TEST, weights=(weight,))
        chosen.append(on_test)
    return chosen
