# SPDX-License-Identifier: Apache-2.0
"""Trains the jobs of a comparison: in their order, and as many at once as may be."""

__all__ = ["train", "train_all"]

import pathlib
import sys
from collections.abc import Sequence
from concurrent import futures

from glf_tf.comparison import job as job_lib
from glf_tf.comparison import record as record_lib
from glf_tf.comparison import training as training_lib


def train_all(
    jobs: Sequence[job_lib.Job], *, children: training_lib.Children
) -> dict[pathlib.Path, str]:
    """Trains the jobs that are not done; returns the error, or "", by folder.

    A job from which others start ends before these begin.

    Args:
        jobs: The trainings; one from which others start comes before them.
        children: Runs the trainings.

    Raises:
        KeyboardInterrupt: One of them was stopped, and so all are.
    """
    waiting = {f"[{number}/{len(jobs)}]": job for number, job in enumerate(jobs, 1)}
    running: dict[futures.Future[str], job_lib.Job] = {}
    found: dict[pathlib.Path, str] = {}
    with futures.ThreadPoolExecutor(children.at_once) as threads:
        try:
            while waiting or running:
                for place, job in _ready(waiting, running.values()):
                    if len(running) < children.at_once:
                        del waiting[place]
                        how = {"children": children, "place": place}
                        asked = threads.submit(_train, job, found, **how)
                        running[asked] = job
                done, _ = futures.wait(running, return_when=futures.FIRST_COMPLETED)
                for each in done:
                    found[running.pop(each).folder.path] = each.result()
        except KeyboardInterrupt:
            children.stop()
            raise
    return found


def train(job: job_lib.Job, *, children: training_lib.Children, place: str) -> str:
    """Trains a job unless it is done; returns the error, or "".

    Args:
        job: The training.
        children: Runs it.
        place: Where it stands among others, for the line that announces it.
    """
    kept = record_lib.read(job.folder)
    if kept is not None and kept.is_trained_by(job):
        _print(f"{place} {job.name} is trained")
        return ""
    _print(f"{place} training {job.name}")
    prefix = f"{job.name}: " if children.at_once > 1 else ""
    log = job.folder.path / "training.log"
    return children.run(job.command, log=log, prefix=prefix)


def _ready(waiting, running) -> list[tuple[str, job_lib.Job]]:
    """Returns the jobs that may begin: whose start is trained, or no other one here.

    Where nothing runs, the first one may: what it starts from came before it.
    """
    unfinished = {job.folder.path for job in (*waiting.values(), *running)}
    found = [
        (place, job)
        for place, job in waiting.items()
        if job.start is None or job.start.folder.path not in unfinished
    ]
    return found if found or running else list(waiting.items())[:1]


def _train(job: job_lib.Job, found, *, children, place: str) -> str:
    """Trains a job, if what it starts from did not fail."""
    if job.start is not None and found.get(job.start.folder.path):
        return f"It starts from {job.start.name}, whose training failed"
    return train(job, children=children, place=place)


def _print(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
