# SPDX-License-Identifier: Apache-2.0
"""Trains a model.

    python tools/train.py --flagfile=flags/glf/digits.cfg --workdir=runs/digits

Every setting is a flag; a recipe under flags/ is a file of flags. What the chosen
model, data set, network and flow take is listed by
`python tools/train.py --model=glf --help`.

SIGTERM and Ctrl-C save the state and exit with status 75 (try again), and so does a
worker that lost another one; `--workdir=RUN --resume` continues with the run's own
flags. `--replay=RUN --workdir=NEW` trains a run again according to its history, however
often its flags changed.
"""

import os
import sys

from absl import flags

from glf_tf import errors
from glf_tf.cli import program, replaying, training


def main() -> None:
    """Reads the flags, trains, and prints the paths of the results."""
    if flags.FLAGS.replay:
        replaying.replay()
        return
    plan, folder = training.plan(), training.folder()

    from glf_tf.experiments import experiment
    from glf_tf.training import loop

    try:
        experiment.train(
            plan,
            folder,
            resume=flags.FLAGS.resume,
            accept_new_data=flags.FLAGS.accept_new_data,
            stop_at=flags.FLAGS.stop_at,
        )
    except loop.Stopped as stopped:
        print(f"{stopped}; --resume continues from there", file=sys.stderr)
        sys.exit(os.EX_TEMPFAIL)
    except errors.Lost as lost:
        print(f"error: {lost}", file=sys.stderr)
        sys.exit(os.EX_TEMPFAIL)
    if not experiment.is_chief(plan):
        return

    for name in ("samples", "reconstructions", "interpolations"):
        picture = folder.pictures / f"{name}.png"
        if picture.exists():
            print(f"{name:<16} {picture}")
    print(f"checkpoints      {folder.checkpoints}")
    if folder.saved_model.exists():
        print(f"SavedModel       {folder.saved_model}")
    print(f"TensorBoard      tensorboard --logdir={folder.tensorboard}")


def _define():
    replaying.define_replay()
    return training.define_training()


if __name__ == "__main__":
    program.run(main, define=_define)
