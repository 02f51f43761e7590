# SPDX-License-Identifier: Apache-2.0
"""A flow as a prior: its noise, normal or a mixture fitted to what the flow makes."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from glf_tf import catalogue, errors, seeds
from glf_tf.priors import flow, student_t
from tests import descriptors

GENERATOR = np.random.default_rng(0)
_FLOW = {"name": "real_nvp", "hidden": 6, "blocks": 2, "batch_norm": False}
CENTRES = np.array([[4.0, 0.0, 0.0], [-4.0, 1.0, 0.0]])


def codes(count=600):
    index = GENERATOR.integers(0, 2, count)
    noise = GENERATOR.normal(size=(count, 3))
    return (CENTRES[index] + 0.3 * noise).astype(np.float32)


def made(components=0):
    prior = flow.FlowPrior(3, flow=_FLOW, components=components)
    descriptors.perturb(prior)
    return prior


def noise_of(prior, z):
    """Noise and log-determinant by another bijector object, and autodiff."""
    z = tf.constant(z)
    with tf.GradientTape() as tape:
        tape.watch(z)
        eps = prior.flow.bijector().inverse(z)
    return eps, np.linalg.slogdet(tape.batch_jacobian(eps, z))[1]


def test_log_prob_is_that_of_normal_noise_and_the_jacobian():
    prior, z = made(), codes(20)
    eps, log_det = noise_of(prior, z)
    expected = stats.norm.logpdf(eps).sum(axis=1) + log_det
    np.testing.assert_allclose(prior.log_prob(z), expected, atol=1e-4)


def test_noise_is_normal_until_it_is_fitted():
    prior, z = made(components=3), codes(20)
    np.testing.assert_allclose(
        prior.log_prob(z), prior.log_prob_of_normal(z), atol=1e-4
    )


def test_log_prob_is_that_of_the_fitted_mixture_and_the_jacobian():
    prior, z = made(components=2), codes()
    prior.fit_noise(z)
    eps, log_det = noise_of(prior, z[:20])
    weights = special.softmax(prior.noise.logits)
    density = sum(
        weight * stats.multivariate_normal(loc, tril @ tril.T).pdf(eps)
        for weight, loc, tril in zip(
            weights,
            np.asarray(prior.noise.loc),
            np.asarray(prior.noise.scale_tril, np.float64),
            strict=True,
        )
    )
    np.testing.assert_allclose(
        prior.log_prob(z[:20]), np.log(density) + log_det, rtol=1e-3, atol=1e-3
    )


def test_fitted_noise_leaves_no_bridge():
    """Of an untrained flow: N(0, I) knows nothing of the clusters, the mixture does."""
    prior, z = made(components=2), codes()
    prior.fit_noise(z)
    drawn = prior.sample(500, seed=1).numpy()
    nearest = np.linalg.norm(drawn[:, None] - CENTRES, axis=-1).min(axis=1)
    assert nearest.max() < 3.0
    plain = prior.forward(tf.random.stateless_normal([500, 3], (0, 1))).numpy()
    assert np.linalg.norm(plain[:, None] - CENTRES, axis=-1).min(axis=1).mean() > 2.0


def test_samples_are_the_mixtures_carried_by_the_flow():
    prior = made(components=2)
    prior.fit_noise(codes())
    eps = prior.noise.sample(7, seed=3, temperature=0.5)
    np.testing.assert_allclose(
        prior.sample(7, seed=3, temperature=0.5), prior.forward(eps), atol=1e-6
    )


@pytest.mark.parametrize(
    "noise", ["student_t", {"name": "learned_mixture", "components": 2}, "normal"]
)
def test_noise_is_any_prior_carried_by_the_flow(noise):
    prior = flow.FlowPrior(3, flow=_FLOW, noise=noise, components=7)
    descriptors.perturb(prior)
    z = codes(20)
    prior.fit_noise(z)
    eps, log_det = noise_of(prior, z)
    expected = prior.noise.log_prob(eps) + log_det
    np.testing.assert_allclose(prior.log_prob(z), expected, atol=1e-3)
    drawn = prior.noise.sample(7, seed=3, temperature=0.5)
    np.testing.assert_allclose(
        prior.sample(7, seed=3, temperature=0.5), prior.forward(drawn), atol=1e-6
    )


def test_noise_is_given_as_an_object_a_specification_or_a_name():
    given = ("student_t", {"name": "student_t", "df": 10.0}, student_t.StudentTPrior(3))
    priors = [flow.FlowPrior(3, flow=_FLOW, noise=noise) for noise in given]
    paths = {tuple(v.path for v in prior.variables) for prior in priors}
    assert len(paths) == 1
    assert {f"noise/{name}" for name in ("loc", "log_scale", "log_df")} < {*paths.pop()}
    assert all(prior.get_config() == priors[0].get_config() for prior in priors)


def test_the_joint_stage_learns_the_noise_it_is_given():
    spec = {**descriptors.MODELS["glf"], "noise": "student_t"}
    model = catalogue.build("model", spec, image_shape=descriptors.IMAGE_SHAPE)
    joint = descriptors.update(model, "joint")
    flow_group = next(group for group in joint.groups if group.name == "flow")
    weights = [v.value for v in model.prior.noise.trainable_variables]
    assert {v.path for v in model.prior.noise.trainable_variables} < {
        v.path for layer in flow_group.layers for v in layer.trainable_variables
    }
    with tf.GradientTape() as tape:
        terms = joint.terms(descriptors.batch(), seed=seeds.make(0), training=True)
    assert all(np.any(g) for g in tape.gradient(terms["nll"], weights))


def test_fitting_is_nothing_without_components():
    prior, z = made(), codes(20)
    before = prior.log_prob(z)
    prior.fit_noise(z)
    np.testing.assert_array_equal(prior.log_prob(z), before)


@pytest.mark.parametrize("name", ["glf_closing", "rae_flow"])
def test_models_fit_noise_before_and_after_the_flow_learns(name):
    model, data = descriptors.model(name), descriptors.images()
    first, second, last = model.stages()
    assert (last.name, last.updates) == ("noise", ())
    fitted = []
    for stage in (first, second, last):
        stage.prepare(data)
        fitted.append(np.array(model.prior.noise.loc))
        descriptors.perturb(model.prior.flow, scale=0.1)
    assert not fitted[0].any()
    assert fitted[1].any()
    assert np.abs(fitted[2] - fitted[1]).max() > 1e-3


def test_training_on_the_joint_stage_has_normal_noise():
    """Eq. 2 of the paper, whatever mixture comes later."""
    model, data = descriptors.model("glf_closing"), descriptors.images()
    batch, joint = descriptors.batch(), descriptors.update(model, "joint")
    terms = [joint.terms(batch, seed=seeds.make(0), training=False)["nll"]]
    model.prior.fit_noise(model.encode_all(data))
    terms.append(joint.terms(batch, seed=seeds.make(0), training=False)["nll"])
    np.testing.assert_allclose(terms[0], terms[1], rtol=1e-5)


def test_bad_options_are_refused():
    with pytest.raises(errors.InvalidValue, match="components"):
        flow.FlowPrior(3, components=-1)
    with pytest.raises(errors.InvalidValue, match="at least 100 codes"):
        made(components=100).fit_noise(codes(50))
    with pytest.raises(errors.InvalidValue, match="another flow"):
        flow.FlowPrior(3, noise="flow")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("lfbm", {"prior": {"name": "flow", "components": 2}}),
        ("lfbm", {"prior": "normal"}),
        ("glf", {"noise": "mixture"}),
        ("vae_flow_prior", {"noise": "normal"}),
    ],
)
def test_fitted_noise_is_refused_beside_moving_codes(name, options):
    spec = {**descriptors.MODELS[name], **options}
    with pytest.raises(errors.InvalidValue, match="gradients alone"):
        catalogue.build("model", spec, image_shape=descriptors.IMAGE_SHAPE)
