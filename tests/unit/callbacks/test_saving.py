# SPDX-License-Identifier: Apache-2.0
"""Which checkpoint is the best, and when a stage ends for want of a better one."""

import types

import pytest

from glf_tf.callbacks import saving
from glf_tf.training import callback as callback_lib

WORSE_FROM_EPOCH_6 = {3: 5.0, 6: 4.0, 9: 4.5, 12: 4.6, 15: 4.7, 18: 4.8}


class Store:
    """Notes the epochs at which checkpoints were saved."""

    def __init__(self):
        self.best, self.newest = [], []

    def save_best(self, state):
        self.best.append(state["epoch"])

    def save(self, state, *, step):
        self.newest.append(step)

    def restore_best(self):
        self.restored = self.best[-1]


def trained(scores, *, save_every=1, patience=0, epochs=18, told=None):
    """Returns the store, and the epoch in which the stage ended."""
    measure = types.SimpleNamespace(latest={}, measured_at=None)
    store = Store()
    callback = saving.Saving(
        callback_lib.Every(epochs=save_every),
        store=store,
        measures=[measure],
        best_by="test/nll",
        patience=patience,
        tell=lambda line: told.append(line),
    )
    for epoch in range(1, epochs + 1):
        if epoch in scores:
            measure.latest, measure.measured_at = {"test/nll": scores[epoch]}, epoch
        if epoch % save_every:
            continue
        callback.get_loop_state = lambda epoch=epoch: {"epoch": epoch}
        callback.run(
            callback_lib.Moment(
                stage="flow",
                step=epoch,
                total_steps=epochs,
                global_step=epoch,
                steps_per_epoch=1,
                examples_per_step=1,
                train_seconds=0.0,
            )
        )
        if callback.ends("flow"):
            callback.restore_best()
            return store, epoch
    return store, epochs


@pytest.mark.parametrize(("save_every", "best"), [(1, 6), (2, 6), (3, 6), (4, 12)])
def test_the_best_checkpoint_is_of_an_epoch_that_was_measured(save_every, best):
    store, _ = trained(WORSE_FROM_EPOCH_6, save_every=save_every)
    # Nothing is known before the first is measured, in epoch 3.
    assert {epoch for epoch in store.best if epoch > 2} <= set(WORSE_FROM_EPOCH_6)
    assert store.best[-1] == best


@pytest.mark.parametrize(("patience", "end"), [(2, 9), (3, 9), (4, 12), (12, 18)])
def test_epochs_in_which_nothing_is_measured_end_no_stage(patience, end):
    told = []
    store, found = trained(WORSE_FROM_EPOCH_6, patience=patience, told=told)
    assert found == end
    if end == 18:
        return
    assert store.restored == 6
    assert told == [
        f"flow has the weights of epoch 6, the best by test/nll, 4; {end - 6} epochs "
        "since then were no better"
    ]


def test_a_stage_that_does_not_measure_the_scalar_has_its_newest_as_the_best():
    store, end = trained({}, patience=2, epochs=5)
    assert (store.best, end) == ([1, 2, 3, 4, 5], 5)
