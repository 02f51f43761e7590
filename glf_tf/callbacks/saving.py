# SPDX-License-Identifier: Apache-2.0
"""The callback that saves checkpoints while training."""

__all__ = ["Saving", "score_in"]

import math
from collections.abc import Callable, Mapping, Sequence

from absl import logging

from glf_tf.callbacks import reports
from glf_tf.training import callback as callback_lib
from glf_tf.training import checkpoints


def score_in(state: Mapping) -> float | None:
    """Returns the score in the state of the best checkpoint.

    None if its stage did not measure the scalar: then it is the newest of the stage,
    and nothing was chosen.
    """
    return state["callbacks"].get("Saving", {}).get("best")


class Saving(callback_lib.AbstractCallback):
    """Saves checkpoints, and the best one by a scalar of the validation.

    With patience, it ends a stage whose scalar does not improve, and restores the best
    weights in its end.

    Attributes:
        state: What was saved last beside the variables; None before.
    """

    runs_on_stop = True
    by_chief = True

    def __init__(
        self,
        every: callback_lib.Every,
        *,
        store: checkpoints.Checkpoints,
        measures: Sequence[reports.Validation | reports.SampleQuality],
        best_by: str,
        patience: int = 0,
        tell: Callable[[str], None] = lambda line: None,
    ):
        """Initializes the callback; set `get_loop_state` before it runs.

        Args:
            every: The interval of calls.
            store: The store of checkpoints.
            measures: The callbacks whose scalars are compared.
            best_by: Name of the scalar, of which smaller is better; "" for none.
            patience: Epochs without a better scalar that end a stage; 0 for no end.
            tell: Called with a line when the best weights are restored.
        """
        super().__init__(every)
        self._store, self._measures, self._best_by = store, tuple(measures), best_by
        self._best, self._stage = float("inf"), ""
        self._patience, self._best_epoch, self._waited = patience, 0.0, 0.0
        self._tell = tell
        self.get_loop_state: Callable[[], dict] = dict
        self.state: dict | None = None

    def run(self, moment):
        """Saves."""
        if moment.stage != self._stage:
            # Scores of different stages are not comparable.
            self._best, self._stage = float("inf"), moment.stage
        is_best = self._is_best(moment)
        state = self.get_loop_state()
        if is_best:
            # First: a run that is killed in between resumes from before both, and saves
            # both again.
            self._store.save_best(state)
        self._store.save(state, step=moment.global_step)
        self.state = state

    def _is_best(self, moment: callback_lib.Moment) -> bool:
        """Returns whether the weights are the best so far, by what was measured now."""
        for measure in self._measures:
            if self._best_by in measure.latest:
                break
        else:
            # If a stage does not measure the scalar, its newest checkpoint is its best.
            self._best_epoch, self._waited = moment.epoch, 0.0
            return bool(self._best_by)
        if measure.measured_at != moment.global_step:
            return False
        score = measure.latest[self._best_by]
        is_best = score < self._best
        self._best = min(self._best, score)
        self._best_epoch = moment.epoch if is_best else self._best_epoch
        self._waited = moment.epoch - self._best_epoch
        return is_best

    def ends(self, stage):
        """Returns whether the stage has waited long enough for a better score."""
        return self.has_best(stage) and self._waited >= self._patience

    def has_best(self, stage):
        """Returns whether a checkpoint of the stage is to be its result."""
        is_known = stage == self._stage and not math.isinf(self._best)
        return bool(self._patience) and is_known

    def restore_best(self):
        """Restores the weights of the best checkpoint, and tells of it."""
        self._store.restore_best()
        since = f"; {self._waited:g} epochs since then were no better"
        self._tell(
            f"{self._stage} has the weights of epoch {self._best_epoch:g}, the best by "
            f"{self._best_by}, {self._best:.4g}{since if self._waited else ''}"
        )

    def get_state(self):
        """Returns the best score so far, and the epochs since then."""
        best = None if math.isinf(self._best) else self._best
        waiting = {"best_epoch": self._best_epoch, "waited": self._waited}
        return {"best": best, "stage": self._stage, **waiting}

    def set_state(self, state):
        """Restores it, unless the best checkpoint is lost."""
        self._best = float("inf") if state["best"] is None else state["best"]
        self._stage = state["stage"]
        # Older versions did not wait.
        self._best_epoch = state.get("best_epoch", 0.0)
        self._waited = state.get("waited", 0.0)
        damage = self._store.damage_of_best()
        if state["best"] is not None and damage is not None:
            logging.warning("The best checkpoint is lost: %s.", damage)
            self._best = float("inf")
