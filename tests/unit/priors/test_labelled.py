# SPDX-License-Identifier: Apache-2.0
"""Priors that depend on labels: laws, what they learn, and what is refused."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors
from glf_tf.flows import real_nvp
from glf_tf.priors import flow, labelled, labelled_mixture, mixture, normal
from glf_tf.priors import prior as prior_lib
from tests import descriptors

SIZE, CLASSES = 2, 3
SPECS = descriptors.LABELLED_PRIORS
REAL_NVP = SPECS["flow"]["flow"]
LABELS = tf.constant([0, 1, 2, 2, 1])
Z = tf.constant(np.random.default_rng(0).normal(size=(5, SIZE)), tf.float32)


@pytest.fixture(params=sorted(SPECS))
def prior(request):
    """A prior that depends on labels, moved off its start."""
    made = labelled.make(SPECS[request.param], latent_dim=SIZE, num_classes=CLASSES)
    descriptors.perturb(made, scale=0.2)
    z = np.random.default_rng(1).normal(size=(60, SIZE)).astype(np.float32)
    z += np.arange(60)[:, None] % CLASSES
    if isinstance(made, prior_lib.Fitted):
        made.fit(z, label=np.arange(60) % CLASSES)
    elif made.fits_noise:
        made.fit_noise(z, label=np.arange(60) % CLASSES)
    return made


def test_each_label_has_a_density_of_its_own(prior):
    of_labels = prior.log_prob_of_labels(Z)
    assert of_labels.shape == (5, CLASSES)
    for label in range(CLASSES):
        given = prior.log_prob(Z, label=tf.fill([5], label))
        np.testing.assert_allclose(of_labels[:, label], given, rtol=1e-5)
    assert np.ptp(of_labels, axis=1).min() > 1e-3


def test_the_density_without_a_label_is_the_mean_over_labels(prior):
    mean = np.mean(np.exp(prior.log_prob_of_labels(Z)), axis=1)
    np.testing.assert_allclose(prior.log_prob(Z), np.log(mean), rtol=1e-4)


def test_the_density_of_a_label_integrates_to_one(prior):
    axis = np.linspace(-12.0, 12.0, 241, dtype=np.float32)
    points = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, SIZE)
    for label in range(CLASSES):
        log_prob = prior.log_prob(points, label=tf.fill([len(points)], label))
        total = np.sum(np.exp(np.float64(log_prob))) * (axis[1] - axis[0]) ** 2
        assert total == pytest.approx(1.0, abs=2e-3)


def test_draws_of_a_label_have_the_moments_of_its_density(prior):
    axis = np.linspace(-12.0, 12.0, 241, dtype=np.float32)
    points = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, SIZE)
    label = tf.fill([len(points)], 2)
    weight = np.exp(np.float64(prior.log_prob(points, label=label)))
    weight /= weight.sum()
    mean = weight @ points
    deviation = np.sqrt(weight @ np.square(points - mean))
    drawn = prior.sample(10_000, seed=3, label=tf.fill([10_000], 2)).numpy()
    np.testing.assert_allclose(drawn.mean(axis=0), mean, atol=0.06)
    np.testing.assert_allclose(drawn.std(axis=0), deviation, rtol=0.05)


def test_given_draws_become_those_of_a_label(prior):
    normal = np.random.default_rng(4).normal(size=(10_000, prior.normal_dim))
    label = tf.fill([10_000], 2)
    found = prior.from_normal(np.float32(normal), label=label).numpy()
    drawn = prior.sample(10_000, seed=3, label=label).numpy()
    np.testing.assert_allclose(found.mean(axis=0), drawn.mean(axis=0), atol=0.08)
    np.testing.assert_allclose(found.std(axis=0), drawn.std(axis=0), rtol=0.06)
    cold = prior.from_normal(np.float32(normal), label=label, temperature=0.0)
    assert np.all(np.std(cold, axis=0) < found.std(axis=0))


def test_labels_are_drawn_equally_often(prior):
    drawn = prior.sample_labels(3_000, seed=1).numpy()
    assert np.all(np.abs(np.bincount(drawn, minlength=CLASSES) - 1_000) < 150)
    given = prior.sample(4, seed=1, label=prior.sample_labels(4, seed=1))
    np.testing.assert_allclose(prior.sample(4, seed=1), given, rtol=1e-6)


def test_noise_is_carried_there_and_back_given_labels(prior):
    if not isinstance(prior, prior_lib.AbstractNoisePrior):
        assert not prior.has_noise_space
        return
    # Flow matching has no flow: its velocity depends on the label.
    depends = not hasattr(prior, "flow") or prior.flow.condition_dim > 0
    assert prior.has_noise_space == (not depends)
    given = {"label": LABELS} if depends else {}
    eps = prior.inverse(Z, **given)
    # A solver's steps are not exactly inverse to each other.
    atol = 1e-3 if hasattr(prior, "steps") else 1e-5
    np.testing.assert_allclose(prior.forward(eps, **given), Z, atol=atol)


def drawn(prior, **guidance):
    return prior.sample(5, seed=2, label=LABELS, **guidance).numpy()


def test_guidance_is_an_argument_of_those_that_can_be_guided(prior):
    if not prior.is_guidable:
        return
    own = drawn(prior)
    assert np.abs(drawn(prior, guidance=3.0) - own).max() > 1e-3
    np.testing.assert_array_equal(drawn(prior, guidance=1.0), own)
    prior.guidance = 3.0
    np.testing.assert_array_equal(drawn(prior, guidance=1.0), own)
    np.testing.assert_array_equal(drawn(prior), drawn(prior, guidance=3.0))

    @tf.function
    def in_a_graph(guidance):
        return prior.sample(5, seed=2, label=LABELS, guidance=guidance)

    for guidance in (1.0, 3.0):
        given = in_a_graph(tf.constant(guidance))
        kept = drawn(prior, guidance=guidance)
        np.testing.assert_allclose(given, kept, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["flow", "flow_of_labelled_noise", "flow_matching"])
def test_guidance_of_what_cannot_be_guided_is_refused_in_a_line(name):
    spec = {**SPECS[name], "label_dropout": 0.0}
    prior = labelled.make(spec, latent_dim=SIZE, num_classes=CLASSES)
    assert not prior.is_guidable
    for ask in (
        lambda: drawn(prior, guidance=2.0),
        lambda: drawn(prior, guidance=tf.constant(2.0)),
        lambda: setattr(prior, "guidance", 2.0),
    ):
        with pytest.raises(errors.Unsupported, match="guidance=.*label_dropout") as e:
            ask()
        assert "\n" not in str(e.value)
    assert prior.guidance == 1.0


@pytest.mark.parametrize(
    ("guidance", "kind", "word"),
    [
        (np.nan, errors.InvalidValue, "guidance=nan"),
        (-np.inf, errors.InvalidValue, "guidance=-inf"),
        ([1.0, 2.0], errors.InvalidType, "is a number"),
        ("much", errors.InvalidType, "guidance='much'"),
    ],
)
def test_guidance_that_is_no_finite_number_is_refused(guidance, kind, word):
    spec = SPECS["flow_of_dropped_labels"]
    prior = labelled.make(spec, latent_dim=SIZE, num_classes=CLASSES)
    with pytest.raises(kind, match=word):
        drawn(prior, guidance=guidance)
    with pytest.raises(kind, match=word):
        prior.guidance = guidance


def test_a_copy_from_its_configuration_has_the_same_density(prior):
    copy = type(prior).from_config(prior.get_config())
    copy.set_weights(prior.get_weights())
    log_prob = prior.log_prob(Z, label=LABELS)
    np.testing.assert_allclose(copy.log_prob(Z, label=LABELS), log_prob, rtol=1e-6)


@pytest.mark.parametrize("name", ["labelled_normal", "flow", "flow_of_labelled_noise"])
def test_labels_are_learned(name):
    made = labelled.make(SPECS[name], latent_dim=SIZE, num_classes=CLASSES)
    generator = np.random.default_rng(0)
    label = generator.integers(CLASSES, size=512)
    centers = np.array([[-3.0, 0.0], [3.0, 0.0], [0.0, 3.0]])
    z = np.float32(centers[label] + 0.5 * generator.normal(size=(512, SIZE)))
    optimizer = keras.optimizers.Adam(0.05)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(made.log_prob(z, label=label, training=True))
        gradients = tape.gradient(loss, [v.value for v in made.trainable_variables])
        optimizer.apply_gradients(zip(gradients, made.trainable_variables, strict=True))

    for _ in range(150):
        step()
    found = np.argmax(made.log_prob_of_labels(z), axis=1)
    assert np.mean(found == label) > 0.98
    drawn = made.sample(500, seed=0, label=tf.fill([500], 2)).numpy()
    np.testing.assert_allclose(drawn.mean(axis=0), centers[2], atol=0.3)


def test_noise_is_fitted_to_that_of_codes_given_their_labels():
    made = labelled.make(
        SPECS["flow_of_fitted_noise"], latent_dim=SIZE, num_classes=CLASSES
    )
    descriptors.perturb(made, scale=0.5)
    z = np.random.default_rng(1).normal(size=(400, SIZE)).astype(np.float32)
    label = np.arange(400) % CLASSES
    before = np.mean(made.log_prob(z, label=label))
    made.fit_noise(z, label=label)
    assert np.mean(made.log_prob(z, label=label)) > before + 0.01


def test_a_mixture_of_a_label_is_that_of_its_codes():
    made = labelled_mixture.LabelledMixturePrior(SIZE, components=2, num_classes=3)
    np.testing.assert_allclose(made.log_prob(Z), made.log_prob(Z, label=LABELS))
    generator = np.random.default_rng(0)
    label = generator.integers(CLASSES, size=300)
    z = generator.normal(size=(300, SIZE)) * (1.0 + label[:, None])
    made.fit(z, label=label)
    total = 0
    for each in range(CLASSES):
        alone = mixture.MixturePrior(SIZE, components=2)
        alone.fit(z[label == each])
        log_prob = made.log_prob(Z, label=tf.fill([5], each))
        np.testing.assert_allclose(log_prob, alone.log_prob(Z), rtol=1e-6)
        total += alone.free_parameters
    assert made.free_parameters == total == sum(np.size(w) for w in made.weights) - 9


def test_a_label_with_too_few_codes_is_refused():
    made = labelled_mixture.LabelledMixturePrior(SIZE, components=3, num_classes=3)
    label = np.array([0] * 5 + [1] * 2 + [2] * 5)
    with pytest.raises(errors.InvalidValue, match="Received: 2 of label 1"):
        made.fit(np.zeros([12, SIZE]), label=label)


def test_what_does_not_depend_on_labels_is_refused():
    with pytest.raises(errors.Unsupported, match="NormalPrior with num_classes=3"):
        labelled.make("normal", latent_dim=SIZE, num_classes=3)
    with pytest.raises(errors.Unsupported, match="must depend on its labels"):
        labelled.make(normal.NormalPrior(SIZE), latent_dim=SIZE, num_classes=3)
    with pytest.raises(errors.InvalidValue, match="needs labels"):
        labelled.make("labelled_normal", latent_dim=SIZE, num_classes=0)
    made = flow.FlowPrior(SIZE, flow=REAL_NVP, num_classes=3)
    with pytest.raises(errors.InvalidValue, match="must be made for num_classes=0"):
        labelled.make(made, latent_dim=SIZE, num_classes=0)
    given = real_nvp.RealNVP(SIZE, blocks=1)
    with pytest.raises(errors.InvalidValue, match="made for condition_dim=3"):
        flow.FlowPrior(SIZE, flow=given, num_classes=3)
