# SPDX-License-Identifier: Apache-2.0
"""The action that saves checkpoints while training."""

__all__ = ["Saving"]

import math
from collections.abc import Callable, Sequence

from glf_tf.runs import reports
from glf_tf.training import actions, checkpoints


class Saving(actions.AbstractAction):
    """Saves checkpoints, and the best one by a scalar of the validation."""

    runs_on_stop = True

    def __init__(
        self,
        every: actions.Every,
        *,
        store: checkpoints.Checkpoints,
        measures: Sequence[reports.Validation | reports.SampleQuality],
        best_by: str,
    ):
        """Initializes the action; set `get_loop_state` before it runs.

        Args:
            every: The interval.
            store: Where to.
            measures: Whose scalars decide.
            best_by: Name of the scalar, smaller is better; "" for none.
        """
        super().__init__(every)
        self._store, self._measures, self._best_by = store, tuple(measures), best_by
        self._best = float("inf")
        self.get_loop_state: Callable[[], dict] = dict

    def run(self, moment):
        """Saves."""
        latest = {k: v for one in self._measures for k, v in one.latest.items()}
        score = latest.get(self._best_by, float("inf"))
        is_best = score < self._best
        self._best = min(self._best, score)
        state = self.get_loop_state()
        self._store.save(state, step=moment.global_step)
        if is_best:
            self._store.save_best(state)

    def get_state(self):
        """Returns the best score so far."""
        return {"best": None if math.isinf(self._best) else self._best}

    def set_state(self, state):
        """Takes it over."""
        self._best = float("inf") if state["best"] is None else state["best"]
