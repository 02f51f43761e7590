# SPDX-License-Identifier: Apache-2.0
"""Says what a failing machine failed at, and what to do: memory, disks, data files."""

__all__ = ["explained"]

import contextlib
import errno
import os
from collections.abc import Iterable, Iterator

import tensorflow as tf

from glf_tf import errors
from glf_tf.data import image_set
from glf_tf.devices import workers
from glf_tf.experiments import folder as folder_lib
from glf_tf.experiments import plan as plan_lib

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def explained(
    plan: plan_lib.Plan,
    folder: folder_lib.Folder,
    *,
    data: Iterable[image_set.ImageSet],
) -> Iterator[None]:
    """Turns what a machine reports while a plan is carried out into advice.

    Args:
        plan: The plan.
        folder: Its folder.
        data: What is read meanwhile.

    Raises:
        Exhausted: A disk is full, or memory.
        Lost: Another worker is gone.
        NotFound: A file that images are read from is gone, or was cut off.
    """
    try:
        yield
    except errors.UserError:
        raise
    except (OSError, tf.errors.OpError, MemoryError) as error:
        if _is_full_disk(error):
            raise _disk(folder, error) from error
        if isinstance(error, (MemoryError, tf.errors.ResourceExhaustedError)):
            raise _memory(plan, error) from error
        if isinstance(error, _LOST) and workers.Workers().count > 1:
            raise _lost(folder, error) from error
        for one in data:
            one.check()
        raise


# What collective operations report when a peer breaks off.
_LOST = (
    *(tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError),
    *(tf.errors.DeadlineExceededError, tf.errors.InternalError),
)


def _is_full_disk(error: Exception) -> bool:
    # TensorFlow hands on what the system says, and no number.
    text = str(error)
    return getattr(error, "errno", None) in _FULL or any(
        os.strerror(number) in text for number in _FULL
    )


def _disk(folder: folder_lib.Folder, error: Exception) -> errors.Exhausted:
    return errors.Exhausted(
        "A run needs room on the disk of its folder",
        received=f"--workdir={folder.path}: {_line(error)}",
        do="Free some space, then go on from the newest checkpoint with --resume",
    )


def _memory(plan: plan_lib.Plan, error: Exception) -> errors.Exhausted:
    return errors.Exhausted(
        "A batch and what is computed from it must fit in memory",
        received=f"batch_size={plan.training.batch_size}: {_line(error)}",
        do="End what else uses the memory and go on with --resume, or begin anew in "
        "another --workdir with a smaller --batch_size",
    )


def _lost(folder: folder_lib.Folder, error: Exception) -> errors.Lost:
    said = str(error).split("Collective ops is aborted by: ")[-1].splitlines()
    return errors.Lost(
        "All workers must live as long as the run",
        received=f"one that is gone: {said[0].strip()}",
        do="Look at what it told; then start all of them again with --resume, which "
        f"goes on from the newest checkpoint in {folder.checkpoints}",
    )


def _line(error: Exception) -> str:
    """Returns what happened, without the graph that TensorFlow adds."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    telling = [one for one in lines if "OOM" in one or "space" in one] or lines
    return telling[0].split("}} ")[-1].split(" [Op:")[0].strip()
