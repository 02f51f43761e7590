# SPDX-License-Identifier: Apache-2.0
"""Langevin chains against posteriors that are known, and against tfp.mcmc."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from glf_tf import catalogue, errors, seeds
from glf_tf.inference import langevin, sampler

GENERATOR = np.random.default_rng(0)
MIXING = GENERATOR.normal(size=(5, 3)).astype(np.float32)
IMAGE = GENERATOR.normal(size=5).astype(np.float32)
SIGMA = 0.8
PRECISION = np.eye(3) + MIXING.T @ MIXING / SIGMA**2
MEAN = np.linalg.solve(PRECISION, MIXING.T @ IMAGE / SIGMA**2)
CHAINS = 4_000


def posterior(z):
    """log p(x | z) + log p(z) of x = MIXING z + SIGMA eps, z ~ N(0, I)."""
    error = IMAGE - tf.linalg.matvec(MIXING, z)
    squares = tf.reduce_sum(tf.square(error), axis=-1) / SIGMA**2
    return -0.5 * (squares + tf.reduce_sum(tf.square(z), axis=-1))


def hills(z):
    """A mixture of two normal densities, one narrow and one wide."""
    near = -0.5 * tf.reduce_sum(tf.square(z - 1.0), axis=-1)
    far = -2.0 * tf.reduce_sum(tf.square(z + [1.0, 0.0]), axis=-1)
    return tf.reduce_logsumexp([near, far], axis=0)


def normal(z):
    """N(0, I)."""
    return -0.5 * tf.reduce_sum(tf.square(z), axis=-1)


def starts(count=CHAINS, dim=3):
    return tf.random.stateless_normal([count, dim], seed=(7, 7))


def run(log_prob, z, *, seed=0, temperature=1.0, **options):
    made = langevin.Langevin(**options)
    return tf.function(
        lambda z: made.run(log_prob, z, seed=seed, temperature=temperature)
    )(z)


def assert_normal(z, *, mean, covariance):
    """Checks the first two moments, to five standard errors."""
    error = np.sqrt(np.diag(covariance) / len(z))
    assert np.all(np.abs(np.mean(z, axis=0) - mean) < 5.0 * error)
    spread = np.sqrt(np.diag(covariance))
    tolerance = 5.0 * np.sqrt(2.0 / len(z)) * np.outer(spread, spread)
    assert np.all(np.abs(np.cov(z, rowvar=False) - covariance) < tolerance)


def test_every_name_is_a_sampler():
    for name in catalogue.names("inference"):
        assert isinstance(catalogue.build("inference", name), sampler.AbstractSampler)


def test_chains_reach_the_stationary_density_of_the_posterior():
    """Unadjusted, with xi = s^2 / 2, it is N(mean, (P (I - xi P / 2))^-1)."""
    size = 0.2
    bias = np.eye(3) - 0.5 * (0.5 * size**2) * PRECISION
    covariance = np.linalg.inv(PRECISION @ bias)
    chains = run(posterior, starts(), steps=300, step_size=size)
    assert_normal(chains.z, mean=MEAN, covariance=covariance)
    assert np.all(chains.acceptance == 1.0)


def test_adjusted_chains_reach_the_posterior_itself_with_large_steps():
    covariance = np.linalg.inv(PRECISION)
    chains = run(posterior, starts(), steps=150, step_size=0.4, adjusted=True)
    assert_normal(chains.z, mean=MEAN, covariance=covariance)
    assert 0.5 < np.mean(chains.acceptance) < 0.99


@pytest.mark.parametrize("adjusted", [False, True])
def test_moments_and_acceptance_agree_with_tfp(adjusted):
    steps, size = 12, 0.6
    kernel = tfp.mcmc.UncalibratedLangevin(hills, step_size=size**2)
    if adjusted:
        kernel = tfp.mcmc.MetropolisAdjustedLangevinAlgorithm(hills, step_size=size**2)

    @tf.function
    def theirs(z):
        return tfp.mcmc.sample_chain(
            num_results=steps,
            current_state=z,
            kernel=kernel,
            seed=(1, 2),
            trace_fn=lambda _, results: (
                results.is_accepted if adjusted else tf.ones_like(z[:, 0], tf.bool)
            ),
        )

    z = starts(dim=2)
    ours = run(hills, z, steps=steps, step_size=size, adjusted=adjusted)
    states, accepted = theirs(z)
    gap = np.mean(ours.acceptance) - np.mean(accepted)
    assert abs(gap) < 0.01
    for power in (1, 2, 3):
        left, right = np.asarray(ours.z) ** power, np.asarray(states[-1]) ** power
        gap = np.mean(left, axis=0) - np.mean(right, axis=0)
        error = np.sqrt((np.var(left, axis=0) + np.var(right, axis=0)) / CHAINS)
        assert np.all(np.abs(gap) < 5.0 * error), power


def test_without_noise_it_is_gradient_ascent():
    z = np.float32(starts(4))
    start = z
    for step in range(6):
        size = 0.5 * 0.1 ** (step / 5)
        energy = 0.5 * np.sum(np.square(z), axis=-1)
        norm = np.sqrt(np.sum(np.square(z), axis=-1))
        z = z - 0.5 * size**2 * z
    chains = run(normal, start, steps=6, step_size=0.5, decay=0.1, noise=False)
    np.testing.assert_allclose(chains.z, z, rtol=1e-5)
    # One step before the end: the last energy that was computed.
    np.testing.assert_allclose(chains.energy, energy, rtol=1e-5)
    np.testing.assert_allclose(chains.gradient_norm, norm, rtol=1e-5)
    np.testing.assert_allclose(
        chains.movement, np.linalg.norm(z - start, axis=-1), rtol=1e-4
    )


def test_adjusted_chains_tell_the_energy_where_they_ended():
    chains = run(posterior, starts(50), steps=5, adjusted=True, step_size=0.5)
    np.testing.assert_allclose(chains.energy, -posterior(chains.z), rtol=1e-5)


@pytest.mark.parametrize(("adjusted", "passes"), [(False, 7), (True, 8)])
def test_a_step_is_one_forward_pass(adjusted, passes):
    calls, traces = tf.Variable(0), []

    def counted(z):
        traces.append(1)
        calls.assign_add(1)
        return normal(z)

    chains = run(counted, starts(4), steps=7, adjusted=adjusted)
    assert (int(calls), len(traces), int(chains.steps)) == (passes, 1, 7)


def test_no_gradient_goes_through_the_chain():
    weight = tf.Variable(2.0)
    made = langevin.Langevin(steps=3)
    with tf.GradientTape() as tape:
        chains = made.run(lambda z: normal(weight * z), weight * starts(4), seed=0)
        total = tf.add_n([tf.reduce_sum(item) for item in chains[:5]])
    assert tape.gradient(total, weight) is None


def test_same_seed_gives_the_same_chains():
    first, second, other = (
        run(posterior, starts(6), seed=seed, adjusted=True) for seed in (3, (3, 0), 4)
    )
    np.testing.assert_array_equal(first.z, second.z)
    assert np.abs(first.z - other.z).max() > 1e-2
    few = run(posterior, starts(6)[:2], seed=3, adjusted=True)
    np.testing.assert_allclose(few.z, first.z[:2], atol=1e-5)


def test_a_traced_chain_equals_an_eager_one():
    z, made = starts(5), langevin.Langevin(steps=4)
    eager = made.run(posterior, z, seed=seeds.make(1))
    np.testing.assert_allclose(run(posterior, z, steps=4, seed=1).z, eager.z, rtol=1e-5)


def test_temperature_is_a_factor_on_the_noise():
    cold = run(posterior, starts(5), temperature=0.0)
    np.testing.assert_allclose(cold.z, run(posterior, starts(5), noise=False).z)
    end = run(normal, starts(CHAINS, 1), steps=300, step_size=0.3, temperature=2.0)
    assert abs(np.std(end.z) - 2.0 / np.sqrt(1.0 - 0.3**2 / 4.0)) < 0.12


def test_a_step_size_that_diverges_is_stopped_early():
    """|1 - s^2 / 2| = 7: the energy of a normal grows 49 times a step."""
    chains = run(normal, starts(6), steps=100, step_size=4.0)
    assert int(chains.steps) < 6
    assert np.any(chains.diverged)
    assert np.all(np.isfinite(chains.energy))
    with pytest.raises(errors.Diverged, match=r"energy \d.*step_size") as caught:
        sampler.check(chains, advice=langevin.Langevin.advice)
    assert f"after step {int(chains.steps)}" in caught.value.received
    diagnostics = chains.diagnostics("posterior")
    assert np.any(np.isinf(diagnostics["posterior_divergence"]))
    assert set(diagnostics) == {f"posterior_{item}" for item in sampler.DIAGNOSTICS}


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_energies_that_are_no_numbers_diverge(bad):
    def broken(z):
        return tf.where(tf.norm(z, axis=-1) > 1.0, bad, normal(z))

    chains = run(broken, tf.constant([[0.1, 0.1], [3.0, 0.0]]))
    np.testing.assert_array_equal(chains.diverged, [False, True])
    assert int(chains.steps) == 1


def test_chains_that_stay_are_handed_back():
    chains = run(posterior, starts(6))
    assert sampler.check(chains) is chains
    assert np.all(chains.diagnostics("x")["x_divergence"] == 0.0)


@pytest.mark.parametrize(
    "options",
    [
        {"steps": 0},
        {"steps": -1},
        {"step_size": 0.0},
        {"step_size": -0.1},
        {"step_size": np.inf},
        {"decay": 0.0},
        {"decay": 1.5},
        {"noise": False, "adjusted": True},
    ],
)
def test_bad_options_are_refused(options):
    with pytest.raises(errors.InvalidValue, match=list(options)[-1]):
        catalogue.build("inference", {"name": "langevin", **options})
