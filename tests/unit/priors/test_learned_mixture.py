# SPDX-License-Identifier: Apache-2.0
"""A mixture learned by gradients: SciPy's values, its start, and what it learns."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from glf_tf import errors
from glf_tf.priors import learned_mixture
from tests import descriptors


def test_log_prob_is_scipys():
    prior = learned_mixture.LearnedMixturePrior(3, components=4)
    descriptors.perturb(prior)
    logits, loc, log_scale = (np.float64(v) for v in prior.get_weights())
    z = np.random.default_rng(0).normal(size=(20, 1, 3))
    each = stats.norm.logpdf(z, loc, np.exp(log_scale)).sum(axis=-1)
    expected = special.logsumexp(each + special.log_softmax(logits), axis=-1)
    np.testing.assert_allclose(prior.log_prob(z[:, 0]), expected, rtol=1e-5)


def test_it_starts_near_a_standard_normal_with_components_apart():
    prior = learned_mixture.LearnedMixturePrior(2, components=200, spread=0.8)
    draws = np.float64(prior.sample(20_000, seed=1))
    np.testing.assert_allclose(draws.mean(axis=0), 0.0, atol=0.15)
    np.testing.assert_allclose(np.cov(draws.T), np.eye(2), atol=0.15)
    other = learned_mixture.LearnedMixturePrior(2, components=200, spread=0.8, seed=1)
    (loc, other_loc) = (np.array(p.get_weights()[1]) for p in (prior, other))
    assert len(np.unique(loc, axis=0)) == 200
    assert np.abs(loc - other_loc).max() > 0.1


def test_components_find_clusters():
    generator = np.random.default_rng(0)
    centres = np.array([[3.0, 0.0], [-3.0, 1.0]])
    z = centres[generator.integers(0, 2, 400)] + 0.3 * generator.normal(size=(400, 2))
    z = tf.constant(z, tf.float32)
    prior = learned_mixture.LearnedMixturePrior(2, components=2)
    optimizer = keras.optimizers.Adam(0.05)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(prior.log_prob(z))
        weights = prior.trainable_variables
        optimizer.apply(tape.gradient(loss, [v.value for v in weights]), weights)

    for _ in range(300):
        step()
    _, loc, log_scale = prior.get_weights()
    np.testing.assert_allclose(loc[np.argsort(-loc[:, 0])], centres, atol=0.1)
    np.testing.assert_allclose(np.exp(log_scale), 0.3, atol=0.05)


@pytest.mark.parametrize(
    "options", [{"components": 0}, {"spread": 0.0}, {"spread": 1.0}]
)
def test_bad_options_are_refused(options):
    with pytest.raises(errors.InvalidValue, match=next(iter(options))):
        learned_mixture.LearnedMixturePrior(3, **options)
