# SPDX-License-Identifier: Apache-2.0
"""Guidance by labels: what is extrapolated, and labels dropped in training."""

import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors, parts
from glf_tf.priors import guidance as guidance_lib
from tests import descriptors

FLOW = {"name": "tarflow", "blocks": 1, "token_dim": 2, "hidden": 4, "head_dim": 2}
LABEL = tf.constant([0, 1, 2, 2])


def made(num_classes=3, **options):
    spec = {"name": "flow", "flow": FLOW, "label_dropout": 0.4, **options}
    given = {"num_classes": num_classes} if num_classes else {}
    prior = parts.make("prior", spec, latent_dim=5, **given)
    descriptors.perturb(prior)
    return prior


def step_of(prior):
    return prior.flow.steps[-1]


@pytest.mark.parametrize("guidance", [0.0, 1.0, 2.5])
def test_parameters_are_extrapolated_from_those_of_no_label(guidance):
    step = step_of(made())
    x = tf.random.stateless_normal([4, 5], [0, 1])
    condition = tf.one_hot(LABEL, 3)
    given = step.network(tf.concat([x, condition], -1))
    none = step.network(tf.concat([x, tf.fill([4, 3], 1.0 / 3.0)], -1))
    mean, raw = tf.unstack(none + guidance * (given - none), axis=-1)
    expected = (x - mean) * tf.exp(-2.0 * 0.636 * tf.atan(raw))
    how = {"condition": condition, "guidance": guidance}
    eps = step.bijector(**how).inverse(x)
    np.testing.assert_allclose(eps, expected, rtol=1e-4, atol=1e-5)
    back = step.bijector(**how).forward(tf.identity(eps))
    np.testing.assert_allclose(back, x, rtol=1e-4, atol=1e-4)


def test_samples_are_guided_and_densities_are_not():
    plain, guided = made(), made(guidance=3.0)
    guided.set_weights(plain.get_weights())
    drawn = [each.sample(4, seed=0, label=LABEL) for each in (plain, guided)]
    assert np.abs(drawn[0] - drawn[1]).max() > 1e-2
    z = tf.ones([4, 5])
    np.testing.assert_array_equal(
        guided.log_prob(z, label=LABEL), plain.log_prob(z, label=LABEL)
    )
    guided.guidance = 1.0
    np.testing.assert_array_equal(guided.sample(4, seed=0, label=LABEL), drawn[0])


def test_labels_are_dropped_in_training_alone():
    prior, z = made(), tf.ones([1000, 5])
    label = tf.zeros([1000], tf.int32)
    how = {"seed": 0, "label": label}
    given = -prior.log_prob(z[:1], label=[0]).numpy()
    none = -prior.log_prob(z[:1], label=[guidance_lib.NO_LABEL]).numpy()
    assert abs(given - none) > 1e-2
    found = prior.terms(z, training=True, **how)["nll"].numpy()
    is_given = np.isclose(found, given, atol=1e-4)
    np.testing.assert_array_equal(is_given, ~np.isclose(found, none, atol=1e-4))
    assert is_given.mean() == pytest.approx(0.6, abs=0.05)
    measured = prior.terms(z, training=False, **how)["nll"]
    np.testing.assert_allclose(measured, np.full(1000, given[0]), atol=1e-4)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"label_dropout": 1.0}, "label_dropout=1"),
        ({"num_classes": 0}, "none such"),
        ({"noise": "labelled_normal"}, "none such"),
        ({"label_dropout": 0.0, "guidance": 2.0}, "label_dropout=0.0"),
        ({"flow": "real_nvp", "guidance": 2.0}, "RealNVP"),
    ],
)
def test_what_cannot_be_guided_is_refused_in_a_line(options, words):
    with pytest.raises(errors.UserError, match=words) as said:
        made(**options)
    assert "\n" not in str(said.value)
