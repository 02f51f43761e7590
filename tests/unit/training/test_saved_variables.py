# SPDX-License-Identifier: Apache-2.0
"""Weights that are taken over from a model of other sizes."""

import numpy as np
import pytest

from glf_tf.models import density
from glf_tf.training import checkpoints, saved_variables
from tests import descriptors

FLOW = {"name": "neural_spline", "blocks": 1, "hidden": 4, "depth": 1}
STATE = {"stage": 0, "step": 3, "global_step": 3, "callbacks": {}}


def made(columns, **flow):
    return density.Density(columns, prior={"name": "flow", "flow": {**FLOW, **flow}})


@pytest.fixture
def checkpoint(tmp_path):
    """That of a density of three columns, which are standardised."""
    first = made(3)
    first.stages()[0].prepare(descriptors.vectors())
    store = checkpoints.Checkpoints(tmp_path, saved_variables.variables_of(first))
    store.save(STATE, step=3)
    return store.latest()


def test_everything_is_taken_over_by_a_model_of_the_same_sizes(checkpoint):
    variables = saved_variables.variables_of(made(3))
    assert saved_variables.take_over(checkpoint, variables) == tuple(variables)


def test_what_starts_from_data_has_not_started_in_other_sizes(checkpoint):
    narrow, deep = made(2), made(3, blocks=2)
    for model in (narrow, deep):
        variables = saved_variables.variables_of(model)
        saved_variables.take_over(checkpoint, variables)
        assert not model.prior.flow.is_started.numpy()
    assert not narrow.standardization.is_started.numpy()
    assert deep.standardization.is_started.numpy()


def test_layers_are_taken_over_whole_or_not_at_all(checkpoint):
    variables = saved_variables.variables_of(made(3, hidden=5))
    taken = saved_variables.take_over(checkpoint, variables)
    layers = {name.rpartition("/")[0] for name in taken}
    own = {name for name in variables if name.rpartition("/")[0] in layers}
    assert own == set(taken)
    assert 0 < len(taken) < len(variables)


def test_values_are_those_of_the_checkpoint(checkpoint):
    model = made(3)
    saved_variables.take_over(checkpoint, saved_variables.variables_of(model))
    vectors = descriptors.vectors().vectors
    noise = model.prior.inverse(vectors)
    assert model.prior.flow.is_started.numpy()
    assert np.isfinite(noise).all()
