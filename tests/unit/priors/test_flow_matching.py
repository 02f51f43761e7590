# SPDX-License-Identifier: Apache-2.0
"""Flow matching: its velocity, its equation, its loss, its pairs and its guidance."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors, parts
from glf_tf.layers import velocity
from glf_tf.models import rae
from glf_tf.priors import flow, guidance, pairing
from glf_tf.training import optimizers, options, step
from tests import descriptors

SPEC = {"name": "flow_matching", "hidden": 6, "depth": 2, "embedding": 4, "steps": 8}
LABEL = tf.constant([0, 1, 2, 2])


def made(dim=3, *, num_classes=0, perturbed=True, **options):
    given = {"num_classes": num_classes} if num_classes else {}
    prior = parts.make("prior", {**SPEC, **options}, latent_dim=dim, **given)
    if perturbed:
        descriptors.perturb(prior)
    return prior


def normal(*shape, seed=0):
    return tf.random.stateless_normal(shape, [0, seed])


@pytest.mark.parametrize("label", [None, tf.constant([0, 2, guidance.NO_LABEL, 1])])
def test_the_divergence_is_the_trace_of_the_jacobian(label):
    sizes = {"hidden": 5, "depth": 2, "embedding": 4}
    layer = velocity.VelocityNetwork(3, num_classes=3, dtype="float64", **sizes)
    descriptors.perturb(layer)
    x = tf.cast(normal(4, 3), tf.float64)
    how = {"time": tf.constant([0.1, 0.4, 0.5, 0.9], tf.float64), "label": label}
    with tf.GradientTape() as tape:
        tape.watch(x)
        expected = layer(x, **how)
    jacobian = tape.batch_jacobian(expected, x)
    found, divergence = layer.with_divergence(x, **how)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_allclose(divergence, tf.linalg.trace(jacobian), rtol=1e-9)


@pytest.mark.parametrize("label", [None, tf.constant([0, 2, 1])])
def test_what_times_and_labels_make_can_be_known_before(label):
    layer = made(num_classes=3).velocity
    x, time = normal(3, 3), tf.constant([0.1, 0.4, 0.9])
    known = layer.modulations(time, label=label)
    at = {"time": time, "label": label}
    np.testing.assert_allclose(layer(x, modulations=known), layer(x, **at), rtol=1e-5)
    found, expected = (
        layer.with_divergence(x, **how) for how in ({"modulations": known}, at)
    )
    for mine, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5)


def test_velocities_are_those_of_the_times_of_the_solver():
    """Runge and Kutta's method written out, with a velocity at each of its times."""
    prior = made()
    start = normal(4, 3)
    x, size = start, 1.0 / prior.steps

    def velocity(time, x):
        return prior.velocity(x, time=tf.constant([time], tf.float32))

    for index in range(prior.steps):
        time = index * size
        first = velocity(time, x)
        second = velocity(time + size / 2, x + size / 2 * first)
        third = velocity(time + size / 2, x + size / 2 * second)
        last = velocity(time + size, x + size * third)
        x += size / 6 * (first + 2 * second + 2 * third + last)
    expected = prior.standardize.bijector().forward(x)
    np.testing.assert_allclose(prior.forward(start), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(prior.inverse(expected), start, rtol=1e-2, atol=1e-2)


def test_no_label_is_no_part_of_the_embedding():
    layer = made(num_classes=3).velocity
    x, time = normal(1, 3), tf.constant([0.3])
    none = layer(x, time=time, label=[guidance.NO_LABEL])
    np.testing.assert_allclose(none, layer(x, time=time), atol=1e-6)


def linear(rate):
    """A prior with dx/dt = rate * x, and codes of mean 1 and deviation 2."""
    prior = made(2, perturbed=False)
    for variable in prior.trainable_variables:
        variable.assign(tf.zeros_like(variable))
    prior.velocity.input_layer.kernel.assign(tf.eye(2, 6))
    prior.velocity.output_layer.kernel.assign(rate * tf.eye(6, 2))
    prior.standardize.mean.assign([1.0, 1.0])
    prior.standardize.deviation.assign([2.0, 2.0])
    return prior


@pytest.mark.parametrize("rate", [-0.7, 0.0, 1.3])
def test_a_linear_velocity_has_a_normal_density(rate):
    prior, z = linear(rate), normal(5, 2)
    scale = 2.0 * np.exp(rate)
    expected = -0.5 * np.sum(((z - 1.0) / scale) ** 2, axis=1)
    expected -= 2 * np.log(scale) + np.log(2 * np.pi)
    np.testing.assert_allclose(prior.log_prob(z), expected, atol=1e-3)
    eps = normal(5, 2, seed=1)
    np.testing.assert_allclose(prior.forward(eps), 1.0 + scale * eps, rtol=1e-3)
    assert np.max(prior.solver_error(z)) < 1e-3


def test_fewer_steps_have_a_larger_error_which_is_told():
    prior, z = made(2, perturbed=False, depth=1, embedding=2), normal(20, 2)
    descriptors.perturb(prior, scale=0.3)
    exact, error, told = prior.log_prob(z, steps=16), {}, {}
    for steps in (1, 2, 4):
        prior.steps = steps
        error[steps] = np.mean(np.abs(prior.log_prob(z) - exact))
        told[steps] = np.mean(prior.solver_error(z))
    # Of order 4, in float32.
    assert error[1] > 5 * error[2] > 25 * error[4]
    for steps in (1, 2):
        assert told[steps] == pytest.approx(error[steps], rel=0.3)


def test_it_learns_what_a_normal_density_cannot_be():
    generator = np.random.default_rng(0)
    sides = generator.choice([-3.0, 3.0], size=(4000, 1))
    codes = np.float32(sides + generator.normal(size=(4000, 2)) * 0.5 + 10.0)
    prior = made(2, perturbed=False, hidden=32, steps=12)
    prior.start(codes)
    optimizer = keras.optimizers.Adam(1e-2)
    variables = prior.trainable_variables

    @tf.function
    def step(index):
        rows = tf.random.stateless_uniform([256], [0, index], 0, 4000, tf.int32)
        z = tf.gather(codes, rows)
        with tf.GradientTape() as tape:
            terms = prior.terms(z, seed=tf.stack([1, index]), training=True)
            loss = tf.reduce_mean(terms["velocity_error"])
        optimizer.apply_gradients(
            zip(tape.gradient(loss, variables), variables, strict=True)
        )

    for index in range(300):
        step(tf.constant(index))
    nll = -np.mean(prior.log_prob(codes[:500]))
    true = 2 * (np.log(0.5) + 0.5 * np.log(2 * np.pi) + 0.5) + np.log(2)
    of_normal = 0.5 * np.linalg.slogdet(np.cov(codes.T))[1] + np.log(2 * np.pi) + 1
    assert true - 0.1 < nll < true + 0.3 < of_normal
    drawn = np.mean(np.abs(prior.sample(2000, seed=0) - 10.0) > 1.0)
    assert drawn > 0.97


def test_pairs_are_the_nearest_of_all_and_keep_their_labels():
    eps, z = normal(4, 2), normal(4, 2, seed=1)
    label = tf.constant([0, 1, 0, 1])

    def cost(order):
        return np.sum((eps.numpy()[list(order)] - z.numpy()) ** 2)

    orders = list(itertools.permutations(range(4)))
    for given in (None, label):
        kept = [
            order
            for order in orders
            if given is None or all(label[i] == label[o] for i, o in enumerate(order))
        ]
        best = min(kept, key=cost)
        found = pairing.paired(eps, z, label=given)
        np.testing.assert_array_equal(found, eps.numpy()[list(best)])


def test_optimal_pairs_have_less_to_move():
    found = [
        np.mean(
            made(pairs=pairs, perturbed=False).terms(
                normal(200, 3), seed=0, training=True
            )["velocity_error"]
        )
        for pairs in ("random", "optimal")
    ]
    # An untrained velocity is 0: what is left is how far codes are from their noise.
    assert found[1] < 0.5 * found[0]


def test_samples_are_guided_and_densities_are_not():
    plain, guided = (made(num_classes=3, guidance=factor) for factor in (1.0, 3.0))
    guided.set_weights(plain.get_weights())
    drawn = [each.sample(4, seed=0, label=LABEL) for each in (plain, guided)]
    assert np.abs(drawn[0] - drawn[1]).max() > 1e-2
    z = normal(4, 3)
    for name in ("log_prob", "forward", "inverse"):
        of_both = [getattr(each, name)(z, label=LABEL) for each in (plain, guided)]
        np.testing.assert_array_equal(*of_both)
    eps = plain.sample_noise(4, seed=0)
    np.testing.assert_array_equal(plain.forward(eps, label=LABEL), drawn[0])
    guided.guidance = 0.0
    without = plain.forward(eps, label=tf.fill([4], guidance.NO_LABEL))
    np.testing.assert_allclose(
        guided.sample(4, seed=0, label=LABEL), without, atol=1e-5
    )


def test_labels_are_dropped_in_training_alone():
    prior = made(num_classes=3, label_dropout=0.4)
    z, label = tf.zeros([2000, 3]), tf.ones([2000], tf.int32)
    never = made(num_classes=3, label_dropout=0.0)
    never.set_weights(prior.get_weights())
    errors_of = [
        each.terms(z, seed=0, label=label, training=training)["velocity_error"].numpy()
        for each, training in ((prior, True), (prior, False), (never, True))
    ]
    np.testing.assert_array_equal(errors_of[1], errors_of[2])
    assert np.mean(errors_of[0] == errors_of[1]) == pytest.approx(0.6, abs=0.05)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"hidden": 0}, "hidden=0"),
        ({"steps": 0}, "steps=0"),
        ({"embedding": 5}, "Use 6"),
        ({"label_dropout": 1.0}, "label_dropout=1"),
        ({"guidance": 2.0}, "num_classes=0"),
        ({"num_classes": 3, "guidance": float("nan")}, "guidance=nan"),
        ({"num_classes": 3, "guidance": 2.0, "label_dropout": 0.0}, "dropout=0"),
        ({"pairs": "best"}, "best"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(options, words):
    with pytest.raises(errors.UserError, match=words) as said:
        made(**options)
    assert "\n" not in str(said.value)


@pytest.mark.parametrize("components", [0, 2])
def test_it_is_no_noise_of_a_flow(components):
    with pytest.raises(errors.InvalidValue, match="Matching.*velocity_error"):
        flow.FlowPrior(3, noise=SPEC, components=components)


def learned(*, steps, first=0, settings=None):
    """Trains on one batch of labelled codes; returns what is saved."""
    keras.utils.set_random_seed(0)
    prior = {**SPEC, "pairs": "optimal", "label_dropout": 0.5}
    network = {"name": "mlp", "hidden": (6,)}
    model = rae.RAE(
        (8, 8, 1), latent_dim=3, network=network, prior=prior, num_classes=10
    )
    stage = model.stages()[1]
    made = optimizers.make([stage], options=options.Optimizers(), batches_per_epoch=10)
    held = [v for each in made.values() for v in each.keras.variables] + model.variables
    for variable, value in zip(held, settings or held, strict=True):
        variable.assign(value)
    batch = {"z": normal(12, 3), "label": tf.range(12) % 3, "index": tf.range(12)}
    trainer = step.StageTrainer(model, stage, optimizers=made, seed=0)
    batches = iter(tf.data.Dataset.from_tensors(batch).repeat())
    trainer.run(batches, first_step=first, steps=steps)
    return [np.array(variable) for variable in held]


def test_a_run_with_dropped_labels_is_resumed_bit_for_bit():
    whole, half = learned(steps=4), learned(steps=2)
    resumed = learned(steps=2, first=2, settings=half)
    for expected, found in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert any(np.any(a != b) for a, b in zip(whole, half, strict=True))


def test_a_model_learns_saves_and_draws_it(tmp_path):
    images = descriptors.images()
    model = rae.RAE(
        images.image_shape,
        latent_dim=3,
        network={"name": "mlp", "hidden": (6,)},
        prior={**SPEC, "pairs": "optimal"},
        num_classes=10,
    )
    labels = np.arange(len(images)) % 10
    model.fit(images.images, labels, epochs=2, batch_size=16, verbose=0)
    assert np.any(model.prior.standardize.mean)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    for label in (None, 7):
        given = {} if label is None else {"label": label}
        drawn = [each.sample(3, seed=0, **given) for each in (model, loaded)]
        np.testing.assert_array_equal(*drawn)
    z = model.encode(np.float32(images.images[:4]) / 255)
    np.testing.assert_array_equal(model.log_prob(z), loaded.log_prob(z))
