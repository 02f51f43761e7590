# SPDX-License-Identifier: Apache-2.0
"""The callback that traces a few steps for TensorBoard's profiler."""

__all__ = ["Profile"]

import pathlib

import tensorflow as tf

from glf_tf.training import callback as callback_lib


class Profile(callback_lib.AbstractCallback):
    """Traces `steps` steps of a process, after as many warm-up steps.

    The first steps trace graphs, choose kernels and fill caches.
    """

    by_chief = True

    def __init__(self, steps: int, *, folder: pathlib.Path):
        """Initializes the callback.

        Args:
            steps: Number of steps to trace; 0 for none.
            folder: TensorBoard's folder; the trace is written to its
                `plugins/profile/`.
        """
        super().__init__(callback_lib.Every(steps=steps))
        self._folder, self._is_tracing = folder, False

    def run(self, moment):
        """Starts or stops the trace; the end of a stage stops it as well."""
        if self._is_tracing:
            tf.profiler.experimental.stop()
            # Traces once per run, and no longer ends the loop's calls at its intervals.
            self.every = callback_lib.Every()
        elif not moment.is_stage_end:
            tf.profiler.experimental.start(str(self._folder))
            self._is_tracing = True
