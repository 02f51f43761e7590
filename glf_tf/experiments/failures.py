# SPDX-License-Identifier: Apache-2.0
"""Turns failures of memory, disks, workers and data files into errors with advice."""

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
    """Turns system errors during an experiment into errors with advice.

    Args:
        plan: The plan.
        folder: The folder of the run.
        data: The image sets in use.

    Raises:
        Exhausted: The memory or a disk is full.
        Lost: Another worker is gone.
        NotFound: A file of images is gone or truncated.
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
        for images in data:
            images.check()
        raise


# What collective operations report when a peer disconnects.
_LOST = (
    *(tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError),
    *(tf.errors.DeadlineExceededError, tf.errors.InternalError),
)


def _is_full_disk(error: Exception) -> bool:
    # TensorFlow passes on the system's text, without its number.
    text = str(error)
    return getattr(error, "errno", None) in _FULL or any(
        os.strerror(number) in text for number in _FULL
    )


def _disk(folder: folder_lib.Folder, error: Exception) -> errors.Exhausted:
    return errors.Exhausted(
        "A run needs free space on the disk of its folder",
        received=f"--workdir={folder.path}: {errors.line_of(error)}",
        do="Free some space, then continue from the newest checkpoint with --resume",
    )


def _memory(plan: plan_lib.Plan, error: Exception) -> errors.Exhausted:
    return errors.Exhausted(
        "A batch and its activations must fit in memory",
        received=f"batch_size={plan.training.batch_size}: {errors.line_of(error)}",
        do="Free memory and continue with --resume, or train in "
        "another --workdir with a smaller --batch_size",
    )


def _lost(folder: folder_lib.Folder, error: Exception) -> errors.Lost:
    said = str(error).split("Collective ops is aborted by: ")[-1].splitlines()
    return errors.Lost(
        "All workers must run until training ends",
        received=f"a worker that is gone: {said[0].strip()}",
        do="Check its output; then restart all of them with --resume, which "
        f"continues from the newest checkpoint in {folder.checkpoints}",
    )
