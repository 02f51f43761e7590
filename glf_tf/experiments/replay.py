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
    """What is trained with one entry's flags.

    Attributes:
        recipe: All flags, one a line.
        start: The global step where it begins.
        stop_at: The one where the next begins; 0 for the last.
    """

    recipe: str
    start: int
    stop_at: int


def parts(run: folder_lib.Folder) -> list[Part]:
    """Returns the parts of a run, in their order.

    What flags do not decide, devices and versions, is not in them: a warning tells
    where it changed.

    Raises:
        NotFound: There is no run, or nobody noted how it began.
        Unsupported: Its data changed on the way, or Python made its model.
    """
    entries = history.in_effect(history.read(run.read()))
    if not entries or entries[0].step:
        raise errors.NotFound(
            "A run is trained again from its history",
            received=f"{run.path}, which has none of its beginning",
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
    stops = [one.step for one in begins[1:]] + [0]
    return [
        Part(one.recipe, start=one.step, stop_at=stop)
        for one, stop in zip(begins, stops, strict=True)
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
        into: Where to train.
        train: Called as `train(part, resume=...)`; trains in `into`, from where that
            is, to the part's end.
        resume: Whether to go on with a replay that was broken off.

    Raises:
        NotFound: There is no run, or nobody noted how it began.
        Unsupported: Its data changed on the way.
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
    noted = [one for one in entries if one.data]
    for before, after in zip(noted, noted[1:], strict=False):
        if before.data != after.data:
            raise errors.Unsupported(
                "A run is trained again with the one set of data that it had",
                received=f"{run.path}, which went on with others at step {after.step}",
                do=f"Train its parts by hand, from {run.flags} on",
            )


def _warn(entries: list[history.Entry]) -> None:
    """Tells what changed beside the flags: the end may differ in the last bits."""
    for before, after in zip(entries, entries[1:], strict=False):
        for name in ("replicas", "versions"):
            old, new = getattr(before, name), getattr(after, name)
            if old and new and old != new:
                logging.warning(
                    "From step %d on the run had other %s: %s after %s. Its replay "
                    "has those of now.",
                    *(after.step, name, new, old),
                )
