# SPDX-License-Identifier: Apache-2.0
"""A stage that no longer improves ends with its best weights, kept in memory."""

import numpy as np
import pytest

from glf_tf import errors
from glf_tf.models import density
from glf_tf.training import fitting, options
from tests import descriptors

PRIOR = {
    "name": "flow",
    "flow": {"name": "real_nvp", "hidden": 48, "blocks": 2, "batch_norm": False},
}


def overfitted(patience, *, epochs=60, **settings):
    """A density of few rows, the rows to validate it on, and its history."""
    made = density.Density(3, prior=PRIOR)
    train, held_out = descriptors.vectors(40), descriptors.vectors(40, seed=0)
    held_out = held_out._with(
        held_out.vectors
        + np.random.default_rng(1).normal(0.0, 3.0, (40, 3)).astype("f4"),
        labels=None,
    )
    history = fitting.fit(
        made,
        train,
        options=options.Training(epochs={"": epochs}, batch_size=20),
        settings=options.Optimizers(learning_rate={"": 2e-2}, **settings),
        validation_data=held_out,
        patience=patience,
        is_silent=True,
    ).history
    loss = -float(np.mean(made.log_prob(held_out.vectors)))
    return loss, history["val_loss"]


@pytest.mark.parametrize(
    "settings", [{}, {"ema_decay": {"": 0.9}}], ids=["plain", "ema"]
)
def test_the_result_is_the_best_epoch(settings):
    loss, losses = overfitted(4, **settings)
    assert len(losses) < 60
    assert np.argmin(losses) == len(losses) - 1 - 4
    assert loss == pytest.approx(min(losses), rel=1e-5)
    assert losses[-1] > min(losses) + 1e-3


def test_without_patience_all_epochs_are_run():
    loss, losses = overfitted(0)
    assert len(losses) == 60
    assert loss == pytest.approx(losses[-1], rel=1e-5)


def test_the_best_epoch_is_kept_if_epochs_end_first():
    loss, losses = overfitted(1000)
    assert len(losses) == 60
    assert loss == pytest.approx(min(losses), rel=1e-5)


def test_patience_needs_something_to_validate_on():
    model = density.Density(3, prior=PRIOR)
    with pytest.raises(errors.InvalidValue, match="not trained on"):
        model.fit(descriptors.vectors(), patience=2)


def test_patience_of_a_folder_is_one_of_its_reports(tmp_path):
    model = density.Density(3, prior=PRIOR)
    with pytest.raises(errors.InvalidValue, match="reports="):
        model.fit(descriptors.vectors(), patience=2, workdir=tmp_path / "run")
