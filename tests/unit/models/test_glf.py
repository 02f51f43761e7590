# SPDX-License-Identifier: Apache-2.0
"""What makes GLF what it is: the stop-gradient, and what follows from it."""

import numpy as np
import pytest
import tensorflow as tf

from glf_tf import catalogue, errors, seeds
from glf_tf.flows import real_nvp
from glf_tf.models import glf
from glf_tf.training import optimizers, options, step
from tests import descriptors


def encoder_gradients(model, term):
    """Gradients of one term of the joint update with respect to the encoder."""
    variables = [v.value for v in model.encoder.trainable_variables]
    with tf.GradientTape() as tape:
        terms = descriptors.update(model, "joint").terms(
            descriptors.batch(), seed=seeds.make(0), training=True
        )
        value = tf.reduce_mean(terms[term])
    return tape.gradient(value, variables)


def test_flow_term_does_not_reach_the_encoder():
    gradients = encoder_gradients(descriptors.model("glf"), "nll")
    assert all(gradient is None for gradient in gradients)


def test_flow_term_reaches_the_encoder_without_the_stop():
    gradients = encoder_gradients(descriptors.model("glf_regularized"), "nll")
    assert all(np.abs(gradient).max() > 0 for gradient in gradients)


def test_reconstruction_reaches_the_encoder():
    gradients = encoder_gradients(descriptors.model("glf"), "reconstruction")
    assert all(np.abs(gradient).max() > 0 for gradient in gradients)


def trained(beta, *, stop_gradient, epsilon=1e-12):
    """Variables after 20 steps of Adam from the same start."""
    made = catalogue.build(
        "model",
        {**descriptors.MODELS["glf"], "beta": beta, "stop_gradient": stop_gradient},
        image_shape=descriptors.IMAGE_SHAPE,
    )
    for index, variable in enumerate(made.trainable_variables):
        drawn = np.random.default_rng(index).normal(size=variable.shape)
        variable.assign(0.3 * drawn.astype(np.float32))
    (stage,) = made.stages()
    settings = options.Optimizers(epsilon={"": 1e-12, "autoencoder": epsilon})
    trainer = step.StageTrainer(
        made,
        stage,
        optimizers=optimizers.make(
            made.stages(), options=settings, batches_per_epoch=10
        ),
        seed=0,
    )
    batches = tf.data.Dataset.from_tensors(descriptors.batch()).repeat()
    trainer.run(iter(batches), first_step=0, steps=20)
    flow = np.concatenate([np.ravel(v) for v in made.flow.trainable_variables])
    encoder = np.concatenate([np.ravel(v) for v in made.encoder.trainable_variables])
    return flow, encoder


def test_beta_changes_neither_flow_nor_autoencoder():
    for item, hundred in zip(
        trained(1.0, stop_gradient=True), trained(64.0, stop_gradient=True), strict=True
    ):
        # A power of two scales gradients exactly, and Adam divides it out again.
        np.testing.assert_allclose(item, hundred, atol=1e-5)


def test_all_that_is_left_of_beta_is_the_epsilon_of_adam():
    flow, encoder = trained(1.0, stop_gradient=True, epsilon=1e-3)
    same_flow, same = trained(64.0, stop_gradient=True, epsilon=64e-3)
    _, other = trained(64.0, stop_gradient=True, epsilon=1e-3)
    np.testing.assert_array_equal(flow, same_flow)
    np.testing.assert_array_equal(encoder, same)
    assert np.abs(encoder - other).max() > 1e-3


def test_beta_matters_without_the_stop():
    _, one = trained(1.0, stop_gradient=False)
    _, hundred = trained(64.0, stop_gradient=False)
    assert np.abs(one - hundred).max() > 1e-3


def moved(flow):
    """Which coordinates of z anything happens to, on their way to noise."""
    descriptors.perturb(flow, scale=0.1)
    z = np.random.default_rng(0).normal(size=(8, flow.event_dim)).astype(np.float32)
    eps = flow.bijector().inverse(z).numpy()
    # A coordinate that was only permuted is still somewhere in the noise.
    found = (
        np.isclose(z[:, :, None], eps[:, None, :], atol=1e-6).all(axis=0).any(axis=1)
    )
    return ~found


def test_default_flow_transforms_every_coordinate():
    assert moved(real_nvp.RealNVP(40)).all()


def test_one_sided_flow_leaves_coordinates_untouched():
    """The slides' flow, which is why it is not the default (seed chosen)."""
    left = [
        40
        - moved(
            real_nvp.RealNVP(40, sides="one_sided", blocks=4, permutation_seed=seed)
        ).sum()
        for seed in range(5)
    ]
    assert max(left) > 0


def test_shared_conditioners_have_half_the_networks():
    def count(**options):
        flow = real_nvp.RealNVP(40, blocks=2, hidden=6, **options)
        return sum("kernel" in item.path for item in flow.trainable_variables)

    assert (count(), count(conditioner="shared")) == (4 * 6, 4 * 3)
    assert count(sides="one_sided") == 2 * 3
    assert count(sides="one_sided", conditioner="separate") == 2 * 6


def test_authors_permutations_are_reproduced():
    flow = real_nvp.RealNVP(20, hidden=4)
    for block in range(4):
        expected = np.random.RandomState(block).permutation(20)
        found = getattr(flow, f"block_{block}_permutation").permutation
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("procedure", ["two_stage", "closing"])
def test_flow_stage_learns_from_the_codes_of_the_finished_encoder(procedure):
    """With batch normalisation as in inference, and its averages left alone."""
    model = catalogue.build(
        "model",
        {**descriptors.MODELS["glf_convolutional"], "procedure": procedure},
        image_shape=descriptors.IMAGE_SHAPE,
    )
    first, last, *_ = model.stages()
    data = descriptors.images()
    before = [np.array(v) for v in model.encoder.variables]
    codes = last.cache(data)["z"]
    descriptors.update(model, "flow").terms(
        {"z": codes}, seed=seeds.make(0), training=True
    )
    for variable, value in zip(model.encoder.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)
    image = np.float32(data.images) / 255.0
    np.testing.assert_allclose(codes, model.encode(image), atol=1e-5)
    assert first.cache(data) is None


def test_parameter_count_is_that_of_the_paper_network():
    model = glf.GLF((28, 28, 1), latent_dim=20)
    convolutions = (16 * 64 + 64) + 16 * 64 * 128
    dense = 7 * 7 * 128 * 1024 + 1024 * 20 + 20
    assert sum(np.size(v) for v in model.encoder.trainable_variables) == (
        convolutions + dense + 2 * 128 + 2 * 1024
    )


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"latent_dim": 1}, "two halves"),
        ({"beta": -1.0}, "beta"),
        ({"procedure": "two_stage", "stop_gradient": False}, "trained together"),
        ({"network": "infogam"}, "infogan"),
        ({"flow": {"name": "real_nvp", "blocs": 2}}, "blocks"),
        ({"flow": {"name": "real_nvp", "blocks": 0}}, "blocks"),
        ({"network": {"name": "mlp", "hidden": ()}}, "widths"),
        ({"procedure": "joint", "smoothing": 0.1}, "smoothing"),
        ({"procedure": "joint", "num_classes": 3, "label_dropout": 0.1}, "joint"),
    ],
)
def test_bad_options_are_refused(options, word):
    with pytest.raises(errors.InvalidValue, match=word):
        glf.GLF((8, 8, 1), **options)


def test_image_size_must_fit_the_network():
    with pytest.raises(errors.InvalidValue, match="divisible by 4"):
        glf.GLF((30, 30, 1))
    with pytest.raises(errors.InvalidValue, match="square"):
        glf.GLF((16, 32, 3), network="dcgan")


def test_unknown_space_of_images_is_refused():
    with pytest.raises(errors.InvalidValue, match="positive"):
        glf.GLF((8, 0, 1))


def test_latents_of_one_number_need_a_flow_that_takes_them():
    sizes = {"latent_dim": 1, "network": {"name": "mlp", "hidden": (4,)}}
    made = glf.GLF(descriptors.IMAGE_SHAPE, flow="neural_spline", **sizes)
    assert made.log_prob(tf.zeros([2, 1])).shape == (2,)
    with pytest.raises(errors.InvalidValue, match="neural_spline, which takes 1"):
        glf.GLF(descriptors.IMAGE_SHAPE, **sizes)


def test_options_of_its_prior_reach_it():
    made = descriptors.model("glf_labels")
    assert made.prior.guidance == 2.0
    assert made.is_guidable
    how = {"seed": 0, "label": tf.zeros([4], tf.int32)}
    made.prior.start(np.eye(4, dtype=np.float32), label=np.arange(4))
    # Noise on codes, and labels that are dropped, in training alone.
    z = tf.zeros([4, 4])
    drawn = [made.prior.terms(z, training=training, **how) for training in (0, 1)]
    assert np.ptp(drawn[0]["nll"]) < 1e-4
    assert np.ptp(drawn[1]["nll"]) > 1e-2
    guided = {"label": 3, "seed": 0}
    kept = made.sample(4, **guided)
    assert np.abs(kept - made.sample(4, guidance=1.0, **guided)).max() > 1e-4
    noisy = catalogue.build(
        "model",
        {**descriptors.MODELS["glf_labels"], "denoising": False},
        image_shape=descriptors.IMAGE_SHAPE,
    )
    noisy.set_weights(made.get_weights())
    assert np.abs(kept - noisy.sample(4, **guided)).max() > 1e-4
