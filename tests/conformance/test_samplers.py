# SPDX-License-Identifier: Apache-2.0
"""Laws of every sampler, on a normal density whose covariance is known."""

import numpy as np
import pytest
import tensorflow as tf

from glf_tf import catalogue, errors
from glf_tf.inference import sampler
from tests import descriptors

MEAN = np.float32([0.5, -0.3])
COVARIANCE = np.array([[1.0, 0.4], [0.4, 0.6]])
PRECISION = np.linalg.inv(COVARIANCE)
CHAINS = 20_000
ERRORS = 6.0
"""Standard errors that an average may be off: by chance in 1 of 10^8 tests."""

every = pytest.mark.parametrize("name", sorted(descriptors.SAMPLERS))
NOISY = [n for n, spec in descriptors.SAMPLERS.items() if spec.get("noise", True)]


def log_prob(z):
    error = z - MEAN
    scaled = tf.linalg.matvec(tf.constant(PRECISION, tf.float32), error)
    return -0.5 * tf.reduce_sum(error * scaled, axis=-1)


def starts(count):
    return tf.random.stateless_normal([count, 2], seed=(7, 7))


def run(name, z, *, density=log_prob, seed=0, temperature=1.0, **options):
    spec = {**descriptors.SAMPLERS[name], **options}
    made = catalogue.build("inference", spec)
    return tf.function(
        lambda z: made.run(density, z, seed=seed, temperature=temperature)
    )(z)


def stationary(name):
    """Returns the covariance that chains reach at temperature 1.

    It is the density's own, except where Langevin steps are not adjusted: by their
    discretisation it is (P (I - s^2 P / 4))^-1 of a normal density of precision P.
    """
    spec = descriptors.SAMPLERS[name]
    if spec["name"] != "langevin" or spec.get("adjusted"):
        return COVARIANCE
    bias = np.eye(2) - 0.25 * spec["step_size"] ** 2 * PRECISION
    return np.linalg.inv(PRECISION @ bias)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.5])
@pytest.mark.parametrize("name", NOISY)
def test_chains_reach_mean_and_covariance(name, temperature):
    """Of p^(1 / T^2): the mean of p, and T^2 times its covariance."""
    z = np.float64(run(name, starts(CHAINS), temperature=temperature).z)
    covariance = temperature**2 * stationary(name)
    spread = np.sqrt(np.diag(covariance))
    # What 60 steps leave of the distance between the starts and the mean.
    room = ERRORS * spread / np.sqrt(CHAINS) + 3e-3
    assert np.all(np.abs(z.mean(axis=0) - MEAN) < room)
    room = ERRORS * np.sqrt(2.0 / CHAINS) * np.outer(spread, spread)
    assert np.all(np.abs(np.cov(z, rowvar=False) - covariance) < room)


@every
def test_chains_without_noise_go_to_the_mode(name):
    temperature = 0.0 if name in NOISY else 1.0
    chains = run(name, starts(50), temperature=temperature)
    np.testing.assert_allclose(chains.z, np.tile(MEAN, (50, 1)), atol=0.02)
    other = run(name, starts(50), temperature=temperature, seed=1)
    np.testing.assert_allclose(chains.z, other.z, atol=1e-3)


@every
def test_what_chains_say_of_themselves_is_in_range(name):
    chains = run(name, starts(50))
    spec = descriptors.SAMPLERS[name]
    assert np.all((np.asarray(chains.acceptance) >= 0) & (chains.acceptance <= 1))
    assert (np.mean(chains.acceptance) < 1.0) == spec.get("adjusted", False)
    assert int(chains.steps) == spec["steps"]
    moved = np.linalg.norm(chains.z - starts(50), axis=-1)
    np.testing.assert_allclose(chains.movement, moved, rtol=1e-4)
    assert not np.any(chains.diverged)
    assert sampler.check(chains) is chains
    for value in chains.diagnostics("posterior").values():
        assert value.shape == (50,)


@every
def test_one_seed_gives_the_same_chains(name):
    first, second, other = (run(name, starts(9), seed=seed).z for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, second)
    assert (np.abs(first - other).max() > 1e-2) == (name in NOISY)


@every
def test_a_chain_does_not_depend_on_the_others(name):
    z = np.array(starts(9))
    changed = np.concatenate([z[:4], 3.0 * z[4:] + 1.0])
    # Few steps: long chains forget where they, and the others, started.
    chains, others = (run(name, start, steps=5) for start in (z, changed))
    for value, other in zip(chains, others, strict=True):
        if value.shape.rank:
            np.testing.assert_allclose(value[:4], other[:4], atol=1e-6)
    assert np.abs(chains.movement[4:] - others.movement[4:]).max() > 1e-2


@every
def test_a_chain_that_diverges_is_known(name):
    def broken(z):
        return tf.where(z[:, 0] > 50.0, np.nan, log_prob(z))

    chains = run(name, tf.constant([[0.1, 0.1], [99.0, 0.0]]), density=broken)
    np.testing.assert_array_equal(chains.diverged, [False, True])
    assert int(chains.steps) < descriptors.SAMPLERS[name]["steps"]
    kind = catalogue.load("inference", descriptors.SAMPLERS[name]["name"])
    with pytest.raises(errors.Diverged, match="chain 1"):
        sampler.check(chains, advice=kind.advice)
