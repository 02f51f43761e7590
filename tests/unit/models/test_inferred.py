# SPDX-License-Identifier: Apache-2.0
"""Models whose latents are inferred: LFBM, LFBM-VAE, ABP, LEBM, SRI."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from glf_tf import catalogue, errors, seeds
from glf_tf.inference import langevin, sampler
from glf_tf.models import inferred
from glf_tf.tasks import infer
from glf_tf.training import loop, optimizers, options
from tests import descriptors

IMAGE = descriptors.batch()["image"]
VAGUE = {"name": "signed_gaussian", "sigma": 1e3}
MASK = np.random.default_rng(0).integers(0, 2, (6, 8, 8, 1)).astype(np.float32)
NAMES = ("abp", "lebm", "lfbm", "lfbm_from_prior", "lfbm_vae", "sri")
CHAINED = tuple(name for name in NAMES if name != "lfbm_vae")


def build(name, **changes):
    """A model of the descriptors with other options."""
    spec = {**descriptors.MODELS[name], **changes}
    return catalogue.build("model", spec, **descriptors.arguments(name))


def latents(count=6, dim=4):
    return tf.random.stateless_normal([count, dim], seed=(3, 4))


def inferred_batch(model, *, seed=0, **more):
    batch = {**descriptors.batch(), **more}
    return model.stages()[0].infer(batch, seed=seeds.make(seed))


def train(model, *, epochs=2, **settings):
    data = descriptors.images()
    rates = {"learning_rate": {"": 1e-3}, **settings}
    running = loop.Loop(
        model,
        data,
        options=options.Training(epochs={"": epochs}, batch_size=8),
        optimizers=optimizers.make(
            model.stages(), options=options.Optimizers(**rates), batches_per_epoch=6
        ),
    )
    running.run()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("has_mask", [False, True])
def test_joint_density_is_likelihood_times_prior(name, has_mask):
    model, z = descriptors.model(name), latents()
    pixels = stats.norm.logpdf(
        2.0 * IMAGE - 1.0, loc=np.tanh(model.decoder(z) / 2.0), scale=0.3
    )
    mask = MASK if has_mask else np.ones_like(MASK)
    likelihood = np.sum(mask * pixels, axis=(1, 2, 3))
    found = model.log_joint(IMAGE, z, MASK if has_mask else None, weight=0.5)
    expected = 0.5 * likelihood + model.prior.log_prob(z)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_chains_raise_the_joint_density(name):
    model, z = descriptors.model(name), latents()
    chain = langevin.Langevin(steps=30, step_size=0.03, noise=False)
    chains = tf.function(model.infer_latents)(IMAGE, seed=0, start=z, chain=chain)
    before, after = model.log_joint(IMAGE, z), model.log_joint(IMAGE, chains.z)
    assert np.all(after > before)
    np.testing.assert_allclose(
        chains.movement, np.linalg.norm(chains.z - z, axis=1), rtol=1e-5
    )


def test_hidden_pixels_have_no_say_in_what_is_inferred():
    model = descriptors.model("lfbm")
    other = np.where(MASK, IMAGE, 0.9).astype(np.float32)
    first, second = (
        model.infer_latents(image, MASK, seed=1).z for image in (IMAGE, other)
    )
    np.testing.assert_allclose(first, second, atol=1e-6)
    whole = model.infer_latents(IMAGE, seed=1).z
    assert np.abs(first - whole).max() > 1e-2


@pytest.mark.parametrize("name", sorted({*NAMES} - {"abp"}))  # its store moves
def test_training_leaves_hidden_pixels_out(name):
    model, found = descriptors.model(name), []
    for image in (IMAGE, tf.where(MASK > 0.5, IMAGE, 0.9)):
        batch = inferred_batch(model, image=image, mask=tf.constant(MASK))
        update = model.stages()[0].updates[0]
        found.append(update.terms(batch, seed=seeds.make(1), training=False))
    for key in found[0]:
        np.testing.assert_allclose(found[0][key], found[1][key], rtol=1e-4)


@pytest.mark.parametrize("shape", [(6, 8, 8), (6, 8, 7, 1), (6, 8, 8, 3)])
def test_masks_of_another_shape_are_refused(shape):
    model = descriptors.model("sri")
    with pytest.raises(errors.InvalidValue, match="mask") as caught:
        model.infer_latents(IMAGE, np.ones(shape), seed=0)
    assert "[batch, 8, 8, 1]" in caught.value.do


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda model: model.log_joint(IMAGE, latents(4)), "6 images and 4 latents"),
        (lambda model: model.log_joint(IMAGE, latents(), MASK[:4]), "and 4 masks"),
        (lambda model: model.infer_latents(IMAGE, MASK[:4], seed=0), "and 4 masks"),
        (lambda model: model.infer_latents(IMAGE[:, 1:], MASK, seed=0), "the model's"),
        (
            lambda model: model.infer_latents(IMAGE, seed=0, start=latents(4)),
            "4 starts for 6 chains",
        ),
        (
            lambda model: model.infer_latents(IMAGE, seed=0, start=latents(6, 3)),
            r"starts of chains must have the shape \[batch, 4\]",
        ),
        (
            lambda model: model.infer_latents(IMAGE, seed=0, start=3),
            "starts of chains must be floats",
        ),
        (
            lambda model: model.interpolate(latents(), latents(4), num_steps=3),
            "6 starts and 4 ends",
        ),
        (
            lambda model: infer.Inference(model).latents(IMAGE, MASK[:4]),
            "6 images and 4 masks",
        ),
        (
            lambda model: infer.Inference(model).latents(IMAGE, start=latents(4)),
            "6 images and 4 starts",
        ),
    ],
)
def test_unequal_batches_are_refused_in_one_line(call, words):
    with pytest.raises((errors.InvalidValue, errors.InvalidType), match=words) as said:
        call(descriptors.model("lfbm"))
    assert "\n" not in str(said.value)


def test_a_batch_of_one_goes_with_every_image():
    model = descriptors.model("lfbm")
    whole = np.repeat(MASK[:1], 6, axis=0)
    np.testing.assert_allclose(
        model.log_joint(IMAGE, latents(), MASK[:1]),
        model.log_joint(IMAGE, latents(), whole),
    )
    lines = model.interpolate(latents(1), latents(6), num_steps=3)
    assert lines.shape == (6, 3, 8, 8, 1)


def test_lines_run_between_latents_of_any_precision():
    model = descriptors.model("lfbm")
    expected = model.interpolate(latents(1), latents(6), num_steps=3)
    wide = tf.cast(latents(1), tf.float64)
    found = model.interpolate(wide, latents(6), num_steps=3)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("temperature", [1e300, float("inf"), -1.0])
def test_a_temperature_fits_into_float32(temperature):
    with pytest.raises(errors.InvalidValue, match="temperature="):
        descriptors.model("lfbm").sample(2, seed=0, temperature=temperature)


def test_float64_images_are_taken_with_and_without_masks():
    model = descriptors.model("lfbm")
    for mask in (None, MASK):
        np.testing.assert_allclose(
            model.infer_latents(np.float64(IMAGE), mask, seed=0).z,
            model.infer_latents(IMAGE, mask, seed=0).z,
        )


def test_starts_are_normal_from_the_prior_or_given():
    model, given = descriptors.model("lfbm"), latents()
    start = {
        kind: model.start_latents(6, kind, seed=seeds.make(5))
        for kind in ("normal", "prior")
    }
    np.testing.assert_array_equal(start["prior"], model.prior.sample(6, seed=(5, 0)))
    np.testing.assert_allclose(
        start["prior"], model.prior.forward(start["normal"]), atol=1e-5
    )
    np.testing.assert_array_equal(model.start_latents(6, given, seed=0), given)
    own = build("lfbm", start="prior")
    found = own.infer_latents(IMAGE, seed=0).z
    expected = own.infer_latents(IMAGE, seed=0, start="prior").z
    np.testing.assert_array_equal(found, expected)
    assert np.abs(found - own.infer_latents(IMAGE, seed=0, start="normal").z).max() > 0
    with pytest.raises(errors.InvalidValue, match="start='encoder'"):
        model.infer_latents(IMAGE, seed=0, start="encoder")


def test_an_encoder_starts_chains_of_any_autoencoder():
    model = descriptors.model("lfbm_vae")
    start = model.encode(IMAGE)
    chain = langevin.Langevin(steps=1, step_size=1e-4)
    chains = model.infer_latents(IMAGE, seed=0, start=start, chain=chain)
    np.testing.assert_allclose(chains.z, start, atol=0.05)
    glf = descriptors.model("glf_bernoulli")
    assert glf.infer_latents(IMAGE, MASK, seed=0).z.shape == (6, 4)


def test_mse_is_of_pixels_in_minus_one_to_one():
    logits = 3.0 * tf.random.stateless_normal([6, 8, 8, 1], seed=(1, 1))
    error = np.square(2.0 * IMAGE - 1.0 - np.tanh(logits / 2.0))
    np.testing.assert_allclose(
        inferred.signed_mse(IMAGE, logits), error.mean(axis=(1, 2, 3)), rtol=1e-4
    )
    visible = [item[mask > 0].mean() for item, mask in zip(error, MASK, strict=True)]
    np.testing.assert_allclose(
        inferred.signed_mse(IMAGE, logits, tf.constant(MASK)), visible, rtol=1e-4
    )


@pytest.mark.parametrize("name", CHAINED)
def test_terms_tell_how_the_chains_ran(name):
    model = descriptors.model(name)
    batch = inferred_batch(model)
    update = model.stages()[0].updates[0]
    terms = update.terms(batch, seed=seeds.make(1), training=True)
    for diagnostic in sampler.DIAGNOSTICS:
        assert update.weights[f"posterior_{diagnostic}"] == 0.0
        assert np.all(np.isfinite(terms[f"posterior_{diagnostic}"]))
    assert np.all(terms["posterior_steps"] == 3.0)


def test_what_is_minimised_is_the_joint_density():
    """But for the constants of the likelihood, which `log_joint` has as well."""
    model = descriptors.model("lfbm")
    batch = inferred_batch(model)
    terms = descriptors.update(model, "joint").terms(
        batch, seed=seeds.make(1), training=False
    )
    np.testing.assert_allclose(
        terms["reconstruction"] + terms["nll"],
        -model.log_joint(IMAGE, batch["z"]),
        rtol=1e-5,
    )


# Persistent chains.


def test_persistent_chains_go_on_where_they_were():
    model = descriptors.model("abp")
    index = descriptors.batch()["index"]
    start, rest = model.store.read(index), model.store.read(index + 6)
    first = inferred_batch(model)
    np.testing.assert_array_equal(model.store.read(index), first["z"])
    np.testing.assert_array_equal(model.store.read(index + 6), rest)
    second = inferred_batch(model)
    np.testing.assert_allclose(
        first["posterior_movement"],
        np.linalg.norm(first["z"] - start, axis=1),
        rtol=1e-5,
    )
    np.testing.assert_allclose(
        second["posterior_movement"],
        np.linalg.norm(second["z"] - first["z"], axis=1),
        rtol=1e-4,
    )
    assert not model.stages()[0].is_validated


def test_tasks_leave_persistent_chains_alone():
    model = descriptors.model("abp")
    before = np.array(model.store.rows)
    model.infer_latents(IMAGE, seed=0)
    np.testing.assert_array_equal(model.store.rows, before)


def test_training_moves_every_persistent_chain():
    model = descriptors.model("abp")
    before = np.array(model.store.rows)
    np.testing.assert_allclose(before.std(), 1.0, atol=0.15)
    train(model, epochs=1)
    assert np.all(np.any(np.array(model.store.rows) != before, axis=1))


def test_restarted_chains_have_no_store():
    model = build("abp", start="normal")
    assert model.store is None
    assert model.stages()[0].is_validated


# Priors.


def test_energy_tilts_the_normal_density():
    model, z = descriptors.model("lebm"), latents()
    expected = stats.norm.logpdf(z).sum(axis=1) - model.prior.energy(z)
    np.testing.assert_allclose(model.prior.log_prob(z), expected, rtol=1e-5)


def test_samples_of_the_energy_follow_it():
    """Long chains, by importance weights of draws of N(0, I)."""
    model = build("lebm", prior_steps=300, prior_step_size=0.2)
    descriptors.perturb(model.prior, scale=0.6)
    z = tf.function(lambda: model.prior.sample(2_000, seed=0))()
    draws = tf.random.stateless_normal([200_000, 4], seed=(9, 9))
    weights = tf.nn.softmax(-model.prior.energy(draws))
    mean = tf.linalg.matvec(draws, weights, transpose_a=True)
    assert np.abs(mean).max() > 0.2
    np.testing.assert_allclose(np.mean(z, axis=0), mean, atol=0.12)


def test_contrast_has_the_gradient_of_the_likelihood():
    """E(z) - E(y): of latents and of samples, each in its place."""
    model = descriptors.model("lebm")
    batch = inferred_batch(model)
    terms = descriptors.update(model, "prior").terms(
        batch, seed=seeds.make(0), training=True
    )
    above, below = (model.prior.energy(batch[key]) for key in ("z", "z_prior"))
    np.testing.assert_allclose(terms["contrast"], above - below, rtol=1e-5)
    assert descriptors.update(model, "prior").weights["contrast"] == 1.0


def test_the_energy_learns_where_latents_are():
    """Latents about 1 become likelier than the prior's own samples."""
    model = build("lebm")
    chosen = optimizers.make(
        model.stages(),
        options=options.Optimizers(learning_rate={"": 1e-2}),
        batches_per_epoch=1,
    )["joint/prior"]

    @tf.function
    def step(seed):
        batch = {
            "z": 1.0 + 0.2 * tf.random.stateless_normal([64, 4], seed),
            "z_prior": model.prior.sample(64, seed=seed),
        }
        with tf.GradientTape() as tape:
            terms = descriptors.update(model, "prior").terms(
                batch, seed=seed, training=True
            )
            loss = tf.reduce_mean(terms["contrast"])
        values = [v.value for v in chosen.variables]
        chosen.apply(tape.gradient(loss, values))

    for index in range(60):
        step(seeds.make(index))
    assert np.mean(model.prior.sample(500, seed=1)) > 0.15


@pytest.mark.parametrize("name", ["lfbm", "lfbm_vae"])
def test_a_prior_that_is_fitted_is_refused(name):
    with pytest.raises(errors.InvalidValue, match="MixturePrior"):
        build(name, prior="mixture")


@pytest.mark.parametrize("name", ["lfbm", "lfbm_vae"])
def test_a_prior_without_weights_has_no_optimiser(name):
    model = build(name, prior="standard_normal")
    groups = [group.name for group in model.stages()[0].updates[0].groups]
    assert groups in (["generator"], ["autoencoder"])


# What goes wrong.


def test_chains_that_diverge_stop_training_with_step_and_energy():
    model = build("sri", inference={"name": "langevin", "steps": 9, "step_size": 5.0})
    with pytest.raises(loop.NonFinite, match="posterior_divergence=inf at") as caught:
        train(model)
    assert caught.value.step == 1
    assert "posterior_energy=" in caught.value.received
    assert "posterior_steps=" in caught.value.received
    assert "--inference.step_size" in caught.value.do
    assert caught.value.terms["posterior_steps"] < 9


@pytest.mark.parametrize(
    ("name", "changes", "word"),
    [
        ("lfbm", {"latent_dim": 0}, "latent_dim"),
        ("lfbm", {"latent_dim": 1}, "two halves"),
        ("abp", {"latent_dim": -3}, "latent_dim"),
        ("lebm", {"prior_steps": 0}, "prior_steps"),
        ("lebm", {"prior_step_size": -0.4}, "prior_step_size"),
        ("lebm", {"energy_hidden": 0}, "energy_hidden"),
        ("sri", {"inference": {"name": "langevin", "steps": 0}}, "at least 1 step"),
        ("sri", {"reconstruction": {"name": "signed_gaussian", "sigma": 0.0}}, "sigma"),
    ],
)
def test_bad_options_are_refused(name, changes, word):
    with pytest.raises(errors.InvalidValue, match=word):
        build(name, **changes)


def test_odd_latents_are_taken():
    model = build("lfbm", latent_dim=5)
    assert model.sample(2, seed=0).shape == (2, 8, 8, 1)


def of_two_labels():
    """An LFBM whose images say nothing, and whose labels are near -3 and 3."""
    prior = {"name": "labelled_normal"}
    chain = {"name": "langevin", "steps": 40, "step_size": 0.3}
    how = {"prior": prior, "inference": chain, "num_classes": 10, "start": "normal"}
    model = build("lfbm_labels", **how, reconstruction=VAGUE)
    embedding = np.zeros(model.prior.embedding.shape, np.float32)
    embedding[:, :4] = np.where(np.arange(10) < 5, -3.0, 3.0)[:, None]
    model.prior.embedding.assign(embedding)
    return model


def test_chains_of_a_label_run_to_its_latents():
    model = of_two_labels()
    label = np.array([0, 9, 1, 8, 2, 7])
    given = model.infer_latents(IMAGE, seed=0, label=label).z
    np.testing.assert_array_equal(np.sign(np.mean(given, axis=1)), [-1, 1] * 3)
    trained = inferred_batch(model, label=tf.constant(label))["z"]
    np.testing.assert_allclose(trained, given, atol=1e-5)
    of_one = model.infer_latents(IMAGE, seed=0, label=9).z
    assert np.mean(of_one, axis=1).min() > 0.0


def test_labels_are_found_by_latents_that_know_none():
    model = of_two_labels()
    z = [model.infer_latents(IMAGE, seed=seeds.fold(3, k)).z for k in range(2)]
    p = [np.exp(model.prior.log_prob_of_labels(each)) for each in z]
    p = np.mean([each / each.sum(axis=1, keepdims=True) for each in p], axis=0)
    found = model.label_log_probs(IMAGE, seed=3, num_draws=2)
    np.testing.assert_allclose(np.exp(found), p, atol=1e-4)
    served = model.signatures()["label_log_probs"](image=IMAGE)["label_log_probs"]
    np.testing.assert_allclose(served, model.label_log_probs(IMAGE), atol=1e-3)
    assert "log_prob_of_labels" not in model.signatures()  # it has no encoder


def test_mistakes_with_labels_of_chains_are_refused():
    with pytest.raises(errors.Unsupported, match="conditional"):
        build("lfbm").label_log_probs(IMAGE)
    with pytest.raises(errors.Unsupported, match="conditional"):
        build("lfbm").infer_latents(IMAGE, seed=0, label=1)
    with pytest.raises(errors.InvalidValue, match="between 0"):
        build("lfbm_labels").infer_latents(IMAGE, seed=0, label=10)
    with pytest.raises(errors.Unsupported, match="must depend on its labels"):
        build("lfbm_labels", prior="standard_normal")
