# SPDX-License-Identifier: Apache-2.0
"""Laws of every prior: a density that integrates to one, and draws that agree."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from glf_tf import catalogue, errors
from glf_tf.priors import prior, standard_normal
from tests import descriptors

DRAWS = 20_000
ERRORS = 6.0
"""Standard errors that an average may be off: by chance in 1 of 10^8 tests."""

every = pytest.mark.parametrize("name", sorted(descriptors.PRIORS))


def of_one_kind(name: str, dims: tuple[int, ...]) -> list[tuple[str, int]]:
    # A coupling needs two coordinates.
    least = 2 if catalogue.name_of(descriptors.PRIORS[name]) == "flow" else 1
    return [(name, dim) for dim in dims if dim >= least]


CASES = [
    case for name in sorted(descriptors.PRIORS) for case in of_one_kind(name, (1, 2))
]


def codes(dim: int, *, count: int = 600) -> np.ndarray:
    """Returns codes of two clusters, correlated, away from the origin."""
    generator = np.random.default_rng(3)
    mixing = np.tril(np.full((dim, dim), 0.3)) + 0.4 * np.eye(dim)
    sides = generator.choice([-1.2, 1.4], size=(count, 1))
    noise = generator.normal(size=(count, dim))
    return np.float32(noise @ mixing.T + sides + 0.3)


def new(name: str, dim: int) -> prior.AbstractPrior:
    return catalogue.build("prior", descriptors.PRIORS[name], latent_dim=dim)


@functools.cache
def fitted(name: str, dim: int) -> prior.AbstractPrior:
    """Returns a prior away from where it starts."""
    made = new(name, dim)
    descriptors.perturb(made, scale=0.2)
    if isinstance(made, prior.Fitted):
        made.fit(codes(dim))
    if isinstance(made, prior.AbstractNoisePrior):
        made.fit_noise(codes(dim))
    return made


@functools.cache
def grid(name: str, dim: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Returns points that cover the draws, log-densities there, and a cell's size."""
    draws = sample(fitted(name, dim))
    low, high = draws.min(axis=0), draws.max(axis=0)
    room = 0.5 * (high - low)
    count = {1: 4_000, 2: 250}[dim]
    axes = [
        np.linspace(a, b, count) for a, b in zip(low - room, high + room, strict=True)
    ]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, dim)
    cell = float(np.prod([axis[1] - axis[0] for axis in axes]))
    values = fitted(name, dim).log_prob(tf.constant(points, tf.float32))
    return points, np.float64(values), cell


def sample(made, *, count=DRAWS, seed=5, temperature=1.0) -> np.ndarray:
    return np.float64(made.sample(count, seed=seed, temperature=temperature))


def test_every_prior_has_a_descriptor():
    specs = [*descriptors.PRIORS.values(), *descriptors.LABELLED_PRIORS.values()]
    described = {catalogue.name_of(spec) for spec in specs}
    assert described == set(catalogue.names("prior"))


@pytest.mark.parametrize(("name", "dim"), CASES)
def test_the_density_integrates_to_one(name, dim):
    _, values, cell = grid(name, dim)
    assert np.sum(np.exp(values)) * cell == pytest.approx(1.0, abs=2e-3)


@pytest.mark.parametrize(("name", "dim"), CASES)
def test_draws_have_the_moments_of_the_density(name, dim):
    points, values, cell = grid(name, dim)
    weights = np.exp(values) * cell
    draws = sample(fitted(name, dim))
    for power in (1, 2):
        of_draws, of_points = draws**power, points**power
        mean = weights @ of_points
        spread = np.sqrt(weights @ (of_points - mean) ** 2 / DRAWS)
        assert np.all(np.abs(of_draws.mean(axis=0) - mean) < ERRORS * spread + 5e-3)


@pytest.mark.parametrize(("name", "dim"), CASES)
def test_draws_are_as_likely_as_the_density_says(name, dim):
    """The average of log p over draws is minus the entropy."""
    _, values, cell = grid(name, dim)
    weights = np.exp(values) * cell
    entropy = -weights @ values
    spread = np.sqrt(weights @ (values + entropy) ** 2 / DRAWS)
    draws = fitted(name, dim).sample(DRAWS, seed=6)
    found = np.mean(np.float64(fitted(name, dim).log_prob(draws)))
    assert abs(found + entropy) < ERRORS * spread + 5e-3


@every
def test_one_seed_gives_one_sample(name):
    made = fitted(name, 2)
    np.testing.assert_array_equal(sample(made, count=9), sample(made, count=9))
    assert not np.allclose(sample(made, count=9), sample(made, count=9, seed=8))


@every
def test_fewer_draws_are_a_prefix_of_more(name):
    made = fitted(name, 2)
    few, many = sample(made, count=5), sample(made, count=9)
    np.testing.assert_allclose(few, many[:5], atol=1e-6)


@every
def test_gradients_are_finite_and_reach_every_weight(name):
    made = fitted(name, 2)
    z = tf.constant(np.concatenate([codes(2, count=9), [[30.0, -30.0]]]), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(z)
        log_prob = made.log_prob(z)
    weights = [variable.value for variable in made.trainable_variables]
    for gradient in tape.gradient(log_prob, [z, *weights]):
        assert np.isfinite(gradient).all()
        assert np.any(gradient)


@every
def test_temperature_is_a_factor_on_the_noise(name):
    made = fitted(name, 2)
    warm, cold = (sample(made, count=9, temperature=t) for t in (1.0, 0.0))
    half = sample(made, count=9, temperature=0.5)
    # Where the temperature is ignored, all three are equal.
    assert np.abs(warm - cold).min() > 1e-4
    if not isinstance(made, prior.AbstractNoisePrior):
        np.testing.assert_allclose(half - cold, 0.5 * (warm - cold), atol=1e-5)
        return
    noise = [made.inverse(tf.constant(z, tf.float32)) for z in (warm, half, cold)]
    np.testing.assert_allclose(
        noise[1] - noise[2], 0.5 * (noise[0] - noise[2]), atol=1e-4
    )


@every
def test_draws_of_a_normal_density_become_those_of_the_prior(name):
    made = fitted(name, 2)
    normal = np.random.default_rng(7).normal(size=(DRAWS, made.normal_dim))
    found = np.float64(made.from_normal(np.float32(normal)))
    drawn = sample(made)
    for measure in (
        lambda z: z,
        np.square,
        lambda z: np.prod(z, axis=1),
        lambda z: np.float64(made.log_prob(np.float32(z))),
    ):
        first, second = measure(found), measure(drawn)
        spread = np.sqrt((first.var(axis=0) + second.var(axis=0)) / DRAWS)
        off = np.abs(first.mean(axis=0) - second.mean(axis=0))
        assert np.all(off < ERRORS * spread)


@every
def test_given_draws_have_the_temperature_of_drawn_ones(name):
    made = fitted(name, 2)
    normal = np.random.default_rng(8).normal(size=(9, made.normal_dim))
    warm, half, cold = (
        np.float32(made.from_normal(np.float32(normal), temperature=t))
        for t in (1.0, 0.5, 0.0)
    )
    assert np.abs(warm - cold).min() > 1e-5
    if isinstance(made, prior.AbstractNoisePrior):
        warm, half, cold = (made.inverse(z) for z in (warm, half, cold))
    np.testing.assert_allclose(half - cold, 0.5 * (warm - cold), atol=1e-4)


def test_what_is_drawn_otherwise_takes_no_given_draws():
    class Other(standard_normal.StandardNormalPrior):
        def sample_noise(self, n, *, seed, temperature=1.0):
            return tf.zeros([n, self.latent_dim])

    made = Other(2)
    assert made.normal_dim == 0
    with pytest.raises(errors.Unsupported, match="Other"):
        made.from_normal(np.zeros([1, 2], np.float32))


@every
def test_noise_is_carried_there_and_back(name):
    made, other = fitted(name, 2), new(name, 2)
    if not isinstance(made, prior.AbstractNoisePrior):
        return
    other.set_weights(made.get_weights())
    z = codes(2, count=9)
    back = other.forward(tf.identity(made.inverse(tf.constant(z))))
    np.testing.assert_allclose(back, z, atol=1e-4)


@every
def test_a_copy_from_its_configuration_has_the_same_density(name):
    made = fitted(name, 2)
    copy = type(made).from_config(made.get_config())
    copy.set_weights(made.get_weights())
    assert copy.get_config() == made.get_config()
    z = codes(2, count=9)
    np.testing.assert_array_equal(copy.log_prob(z), made.log_prob(z))
    np.testing.assert_array_equal(sample(copy, count=9), sample(made, count=9))


FITTED = [name for name in sorted(descriptors.PRIORS) if name in ("mixture", "normal")]


def test_those_that_are_fitted_are_known():
    found = [
        n for n in sorted(descriptors.PRIORS) if isinstance(new(n, 2), prior.Fitted)
    ]
    assert found == FITTED


@pytest.mark.parametrize("name", FITTED)
def test_a_fit_follows_shift_and_scale_of_the_codes(name):
    made, moved = new(name, 2), new(name, 2)
    z, factor = codes(2), np.array([30.0, 0.02], np.float32)
    made.fit(z)
    moved.fit(z * factor + 5.0)
    expected = np.float64(made.log_prob(z[:50])) - np.log(factor).sum()
    found = moved.log_prob(z[:50] * factor + 5.0)
    np.testing.assert_allclose(found, expected, atol=0.02)


@pytest.mark.parametrize("name", FITTED)
def test_a_fit_is_likelier_than_where_it_started(name):
    made, start = new(name, 2), new(name, 2)
    made.fit(codes(2))
    assert np.mean(made.log_prob(codes(2))) > np.mean(start.log_prob(codes(2))) + 0.1


@pytest.mark.parametrize("name", FITTED)
def test_too_few_codes_are_refused(name):
    made = new(name, 2)
    with pytest.raises(errors.InvalidValue, match="codes"):
        made.fit(codes(2)[: made.least_codes - 1])
