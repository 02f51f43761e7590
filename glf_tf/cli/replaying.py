# SPDX-License-Identifier: Apache-2.0
"""Trains a run again, with one process for each part of its history."""

__all__ = ["define_replay", "replay"]

import functools
import os
import pathlib
import subprocess
import sys

from absl import flags

from glf_tf.cli import groups, kinds, program, training, values
from glf_tf.experiments import folder as folder_lib

FLAGS = flags.FLAGS

_PATHS = ("data_dir", "cache_dir", "download")
_BESIDE = ("replay", "workdir", "resume", "accept_new_data", *_PATHS)


def define_replay() -> None:
    """Defines the flag."""
    with groups.group("run"):
        kinds.define_path(
            "replay", None, "A run's folder; trains the run again in --workdir."
        )


def replay() -> None:
    """Trains the run of `--replay` again in `--workdir`.

    Raises:
        UserError: There is no run, other flags are given, or its data has changed.
    """
    from glf_tf.cli import paths
    from glf_tf.experiments import replay as replay_lib
    from glf_tf.experiments import restore

    given = {flag.name: flag.value for flag in program.own_flags() if flag.present}
    others = {name: given[name] for name in given if name not in _BESIDE}
    values.refuse_beside("replay", others)
    values.needed("workdir")
    run = folder_lib.Folder(pathlib.Path(FLAGS.replay))
    for split in run.read().get("data", ("train", "test")):
        restore.load_data(
            run.path,
            split,
            paths=paths.chosen(),
            accept_new_data=FLAGS.accept_new_data,
        )
    data_dir = run.read()["data_dir"]
    where = {"data_dir": f"--data_dir={data_dir}"} if data_dir else {}
    where |= {name: FLAGS[name].serialize() for name in _PATHS if name in given}
    train = functools.partial(_train, paths=where)
    replay_lib.replay(run, training.folder(), train=train, resume=FLAGS.resume)


def _train(part, *, resume: bool, paths: dict[str, str]) -> None:
    """Trains a part in a subprocess; exits with its status if it fails."""
    print(f"the run's flags from step {part.start}", file=sys.stderr, flush=True)
    names = ("data_dir", *paths)
    recipe = [
        line
        for line in part.recipe.splitlines()
        if line.split("=")[0].removeprefix("--").removeprefix("no") not in names
    ]
    status = _run(
        [
            *(sys.executable, sys.argv[0], *recipe, *paths.values()),
            *(f"--workdir={FLAGS.workdir}", f"--stop_at={part.stop_at}"),
            f"--resume={str(resume).lower()}",
        ]
    )
    end = training.folder().checkpoints / f"step_{part.stop_at:08d}"
    is_there = status == os.EX_TEMPFAIL and end.is_dir()
    if status != 0 and not (part.stop_at and is_there):
        sys.exit(max(status, 1))


def _run(command: list[str]) -> int:
    """Returns the status of a command, to which signals are forwarded once."""
    # In a new session, a terminal's Ctrl-C does not reach it twice.
    process = subprocess.Popen(command, process_group=0)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.terminate()
