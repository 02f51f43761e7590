# SPDX-License-Identifier: Apache-2.0
"""Reads the plan of a recipe in a process of its own, for tools that train several.

A process has one set of flags, so each recipe is read by a process, without TensorFlow:

    python -m glf_tf.cli.planned --flagfile=flags/glf/digits.cfg
"""

__all__ = ["read"]

import dataclasses
import json
import subprocess
import sys
from collections.abc import Sequence

from glf_tf.cli import program, training


def read(arguments: Sequence[str]) -> dict:
    """Returns the plan of arguments of tools/train.py.

    If they are wrong, the calling tool exits with the error and status of
    tools/train.py.

    Args:
        arguments: Such as `["--flagfile=flags/glf/digits.cfg", "--epochs=3"]`.

    Returns:
        plan: `dataset` and `model`, the specifications; `epochs`, by stage;
            `batch_size`; `optimizers`, their settings; `flags`, the value of every
            flag.
    """
    done = subprocess.run(
        [sys.executable, "-m", "glf_tf.cli.planned", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        print(done.stderr.strip().splitlines()[-1], file=sys.stderr)
        sys.exit(done.returncode)
    return json.loads(done.stdout)


def _main() -> None:
    plan = training.plan()
    described = {
        "dataset": plan.dataset,
        "model": plan.model,
        "epochs": plan.training.epochs,
        "batch_size": plan.training.batch_size,
        "optimizers": dataclasses.asdict(plan.optimizers),
        "flags": plan.flags,
    }
    print(json.dumps(described))


if __name__ == "__main__":
    sys.argv.append("--workdir=.")
    program.run(_main, define=training.define_training, tensorflow=False)
