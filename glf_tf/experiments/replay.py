# SPDX-License-Identifier: Apache-2.0
"""Trains a run again from its history, with each entry up to the step of the next."""

__all__ = ["Part", "parts", "replay"]

import dataclasses
from collections.abc import Callable

from absl import logging

from glf_tf import errors
from glf_tf.experiments import folder as folder_lib
from glf_tf.experiments import history


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of a run that is trained with the flags of one entry.

    Attributes:
        recipe: All flags, one per line.
        start: The global step at which it begins.
        stop_at: The global step at which the next part begins; 0 for the last.
    """

    recipe: str
    start: int
    stop_at: int


def parts(run: folder_lib.Folder) -> list[Part]:
    """Returns the parts of a run, in order.

    Changes of devices and versions, which flags do not set, cause a warning.

    Raises:
        NotFound: There is no run, or its beginning was not recorded.
        Unsupported: Its data changed on the way, or Python made its model.
    """
    entries = history.in_effect(history.read(run.read()))
    if not entries or entries[0].step:
        raise errors.NotFound(
            "Training a run again needs its history",
            received=f"{run.path}, which has no history of its beginning",
            do=f"Train with --flagfile={run.flags}",
        )
    _check_flags(run, entries)
    _check_data(run, entries)
    _warn(entries)
    begins = entries[:1] + [
        after
        for before, after in zip(entries, entries[1:], strict=False)
        if after.recipe != before.recipe
    ]
    stops = [entry.step for entry in begins[1:]] + [0]
    return [
        Part(entry.recipe, start=entry.step, stop_at=stop)
        for entry, stop in zip(begins, stops, strict=True)
    ]


def replay(
    run: folder_lib.Folder,
    into: folder_lib.Folder,
    *,
    train: Callable[..., None],
    resume: bool = False,
) -> None:
    """Trains a run again.

    Args:
        run: The run.
        into: The folder to train in.
        train: Called as `train(part, resume=...)`; trains in `into` from its current
            step to the part's end.
        resume: Whether to continue an interrupted replay.

    Raises:
        NotFound: There is no run, or its beginning was not recorded.
        Unsupported: Its data changed during training.
    """
    todo = parts(run)
    begun = len(parts(into)) if resume and into.holds_run else 0
    for part in todo[max(begun - 1, 0) :]:
        train(part, resume=resume or part.start > 0)


def _check_flags(run: folder_lib.Folder, entries: list[history.Entry]) -> None:
    for entry in entries:
        if entry.recipe.startswith(history.OF_PYTHON):
            raise errors.Unsupported(
                "A run is trained again by the flags that it was trained with",
                received=f"{run.path}, which `fit` trained in Python",
                do="Run the script again, with another workdir",
            )


def _check_data(run: folder_lib.Folder, entries: list[history.Entry]) -> None:
    noted = [entry for entry in entries if entry.data]
    for before, after in zip(noted, noted[1:], strict=False):
        # A later version of the library may have recorded more.
        if any(before.data[key] != after.data.get(key) for key in before.data):
            raise errors.Unsupported(
                "A run can be trained again if its data did not change",
                received=f"{run.path}, whose data changed at step {after.step}",
                do=f"Train its parts by hand, starting with {run.flags}",
            )


def _warn(entries: list[history.Entry]) -> None:
    """Warns of changes other than flags, which may change the last bits of results."""
    for before, after in zip(entries, entries[1:], strict=False):
        for name in ("replicas", "versions"):
            old, new = getattr(before, name), getattr(after, name)
            if old and new and old != new:
                logging.warning(
                    "From step %d the run had other %s: %s after %s. The replay "
                    "uses the present ones.",
                    *(after.step, name, new, old),
                )
