# SPDX-License-Identifier: Apache-2.0
"""Laws of flow steps that depend on a condition, such as a label."""

import numpy as np
import pytest
import tensorflow as tf

from glf_tf import catalogue, errors, parts
from glf_tf.flows import flow, real_nvp
from tests import descriptors

BATCH, SIZE = 4, 3

CONDITIONAL = [
    name
    for name in sorted(descriptors.FLOW_STEPS)
    if name.startswith(descriptors.CONDITIONAL)
]


@pytest.fixture(params=CONDITIONAL)
def step(request):
    """A step that depends on a condition, moved off its start, in double precision."""
    made = descriptors.FLOW_STEPS[request.param](
        descriptors.event_shape(request.param),
        name="step",
        dtype="float64",
        condition_dim=SIZE,
    )
    descriptors.perturb(made)
    return made


def draw(*shape, seed):
    """Random numbers in double precision."""
    return tf.constant(np.random.default_rng(seed).normal(size=shape))


@pytest.fixture
def z(step):
    """Vectors."""
    return draw(BATCH, *step.event_shape, seed=1)


CONDITION = draw(BATCH, SIZE, seed=2)


def test_the_inverse_given_the_same_condition_undoes_a_step(step, z):
    eps = step.bijector(condition=CONDITION).inverse(z)
    back = step.bijector(condition=CONDITION).forward(tf.identity(eps))
    np.testing.assert_allclose(back, z, atol=1e-9)


def test_the_log_determinant_is_that_of_autodiff(step, z):
    with tf.GradientTape() as tape:
        tape.watch(z)
        eps = step.bijector(condition=CONDITION).inverse(z)
    jacobian = tape.batch_jacobian(eps, z)
    log_det = step.bijector(condition=CONDITION).inverse_log_det_jacobian(z, 1)
    np.testing.assert_allclose(log_det, np.linalg.slogdet(jacobian)[1], atol=1e-9)


def test_a_condition_changes_its_own_vector_and_no_other(step, z):
    other = tf.concat([CONDITION[:1] + 1.0, CONDITION[1:]], axis=0)
    given = step.bijector(condition=CONDITION).inverse(z)
    changed = step.bijector(condition=other).inverse(tf.identity(z))
    assert np.abs(changed[0] - given[0]).max() > 1e-3
    np.testing.assert_allclose(changed[1:], given[1:], atol=1e-12)


def test_gradients_reach_the_condition(step, z):
    condition = tf.identity(CONDITION)
    with tf.GradientTape() as tape:
        tape.watch(condition)
        loss = tf.reduce_sum(step.bijector(condition=condition).inverse(z) ** 2)
    assert np.abs(tape.gradient(loss, condition)).min(axis=1).max() > 0.0


def test_a_step_without_its_condition_is_refused(step, z):
    with pytest.raises(errors.InvalidValue, match="Received: none"):
        step.bijector().inverse(z)
    with pytest.raises(errors.InvalidValue, match=r"Received: \(4, 2\)"):
        step.bijector(condition=CONDITION[:, :2]).inverse(z)


def test_keras_passes_the_condition_on(step, z):
    eps = step.bijector(condition=CONDITION).inverse(tf.identity(z))
    np.testing.assert_allclose(step(z, condition=CONDITION), eps, atol=1e-12)


class Deaf(real_nvp.RealNVP):
    """A flow whose couplings have no condition."""

    def make_steps(self):
        return real_nvp.RealNVP(self.event_dim, hidden=3, blocks=1).steps


def test_a_flow_whose_steps_ignore_the_condition_is_refused():
    with pytest.raises(errors.Unsupported, match="condition_dim=3, with steps of 0"):
        Deaf(4, condition_dim=3)


def test_a_flow_is_made_for_its_condition():
    made = flow.make("real_nvp", event_dim=4, condition_dim=3)
    assert made.condition_dim == 3
    assert made.get_config()["condition_dim"] == 3
    with pytest.raises(errors.InvalidValue, match="must be made for condition_dim=0"):
        flow.make(made, event_dim=4)
    with pytest.raises(errors.InvalidValue, match="must be made for condition_dim=2"):
        flow.make(real_nvp.RealNVP(4), event_dim=4, condition_dim=2)


def test_a_condition_is_no_option_of_a_flow():
    assert "condition_dim" not in catalogue.options("flow", "real_nvp")
    described = parts.specification("flow", real_nvp.RealNVP(4, condition_dim=3))
    assert "condition_dim" not in described
