# SPDX-License-Identifier: Apache-2.0
"""Each optimiser against its equations, with L2, averages and replicas."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors
from glf_tf.devices import strategies
from glf_tf.training import adam, coupled, optimizers, schedule
from tests.unit.training import test_adam, test_options

RATE, L2 = 0.1, 0.3


def adamax(g, x, state, step):
    state["m"] = 0.9 * state.get("m", 0.0) + 0.1 * g
    state["u"] = np.maximum(0.999 * state.get("u", 0.0), np.abs(g))
    return x - RATE / (1 - 0.9**step) * state["m"] / (state["u"] + 1e-7)


def rmsprop(g, x, state, step):
    state["v"] = 0.9 * state.get("v", 0.0) + 0.1 * g**2
    state["b"] = 0.5 * state.get("b", 0.0) + RATE * g / np.sqrt(state["v"] + 1e-7)
    return x - state["b"]


def sgd(g, x, state, step):
    # PyTorch's, with a rate that does not change.
    state["b"] = 0.5 * state.get("b", 0.0) + g
    return x - RATE * state["b"]


CASES = {
    "adamax": (coupled.Adamax, {}, adamax),
    "rmsprop": (coupled.RMSprop, {"momentum": 0.5}, rmsprop),
    "sgd": (coupled.SGD, {"momentum": 0.5}, sgd),
}
CLASSES = (adam.Adam, coupled.Adamax, coupled.RMSprop, coupled.SGD)


@pytest.mark.parametrize("name", CASES)
def test_follows_its_equations_with_l2_in_the_gradient(name):
    rule, settings, step = CASES[name]
    x, state, path = np.ones(5), {}, []
    for count, gradient in enumerate(test_adam.GRADIENTS, start=1):
        x = step(gradient + L2 * x, x, state, count)
        path.append(x)
    found = test_adam.follow(rule(RATE, l2=L2, **settings))
    np.testing.assert_allclose(found, path, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rule", CLASSES)
def test_averages_follow_the_recursion(rule):
    made = rule(RATE, ema_decay=0.8)
    path = test_adam.follow(made)
    average = path[0]
    for step, value in enumerate(path[1:], start=1):
        decay = min(0.8, (1 + step) / (10 + step))
        average = decay * average + (1 - decay) * value
    np.testing.assert_allclose(np.array(made.averages[0]), average, rtol=1e-5)


@pytest.mark.parametrize("rule", CLASSES)
@pytest.mark.parametrize("start", [0.0, 0.25])
def test_half_lives_follow_a_cosine(rule, start):
    made = rule(RATE, ema_decay=0.8, ema_start=start, curve_steps=4)
    path = test_adam.follow(made)
    average = path[0]
    for step, value in enumerate(path):
        share = 1 + (start - 1) * (1 + np.cos(np.pi * min(1.0, step / 4))) / 2
        decay = 0.8 ** (1 / share) if share else 0.0
        decay = min(decay, (1 + step) / (10 + step))
        average = decay * average + (1 - decay) * value
    np.testing.assert_allclose(np.array(made.averages[0]), average, rtol=1e-5)
    copy = type(made).from_config(made.get_config())
    test_adam.follow(copy)
    np.testing.assert_array_equal(copy.averages[0], made.averages[0])


def _is_in(variable, some):
    return any(variable is item for item in some)


@pytest.mark.parametrize("rule", CLASSES)
def test_an_overflowing_step_changes_nothing_but_the_factor(rule):
    has_momentum = rule in (coupled.RMSprop, coupled.SGD)
    own = {"momentum": 0.5} if has_momentum else {}
    made = rule(RATE, scales_loss=True, ema_decay=0.8, **own)
    variable = keras.Variable([1.0, 2.0])
    made.build([variable])
    one = optimizers.Optimizer(made, [variable], 0.0)
    for _ in range(2):
        one.apply([tf.constant([1.0, 1.0])], loss_factor=tf.constant(4.0))
    changing = (made.loss_factor, made.finite_steps)
    kept = [variable, *(v for v in made.variables if not _is_in(v, changing))]
    before = [np.array(value) for value in kept]
    one.apply([tf.constant([np.inf, 1.0])], loss_factor=tf.constant(4.0))
    for value, old in zip(kept, before, strict=True):
        np.testing.assert_array_equal(value, old)
    assert float(made.loss_factor) == 2.0**14


def trained(strategy, rule):
    """A variable and its average after three steps, gradients shared by replicas."""
    with strategy.scope():
        variable = keras.Variable([1.0, 2.0])
        made = rule(RATE, ema_decay=0.5, l2=L2)
        made.build([variable])
        gradient = tf.constant([1.0, -2.0]) / strategy.num_replicas_in_sync

        @tf.function(autograph=False)
        def run():
            # One tensor for both replicas would be taken for their sum.
            strategy.run(lambda: made.apply([tf.identity(gradient)], [variable]))

        for _ in range(3):
            run()
        return [np.array(value) for value in (variable, *made.averages)]


@pytest.mark.parametrize("rule", CLASSES)
def test_two_replicas_equal_one(rule):
    pair = (strategies.strategy(name) for name in ("one_device", "mirrored"))
    one, two = (trained(strategy, rule) for strategy in pair)
    np.testing.assert_array_equal(one, two)


def test_warm_up_and_curves():
    def rates(**settings):
        rate = schedule.StepDecay(0.8, every=0, factor=1.0, **settings)
        return [float(rate(step)) for step in (0, 2, 4, 8, 9)]

    expected = {
        (("warm_up", 4),): [0.0, 0.4, 0.8, 0.8, 0.8],
        (("curve", "cosine"), ("curve_steps", 8), ("end", 0.0)): [
            *(0.8, 0.4 * (1 + np.cos(np.pi / 4)), 0.4, 0.0, 0.0)
        ],
        (("curve", "exponential"), ("curve_steps", 8), ("end", 0.0625)): [
            *(0.8, 0.4, 0.2, 0.05, 0.05)
        ],
    }
    for settings, values in expected.items():
        np.testing.assert_allclose(rates(**dict(settings)), values, atol=1e-6)


def test_each_group_has_its_optimiser_and_schedule():
    made = test_options.make(
        optimizer={"": "adam", "flow": "sgd"},
        momentum={"": 0.0, "flow": 0.9},
        warm_up_epochs={"": 0, "flow": 2},
        schedule={"": "constant", "flow": "cosine"},
        schedule_epochs={"": 0, "flow": 4},
        ema_decay={"": 0.9},
        ema_start={"": 1.0, "flow": 0.5},
    )
    flow = made["joint/flow"].keras
    assert isinstance(made["joint/autoencoder"].keras, adam.Adam)
    assert isinstance(flow, coupled.SGD)
    assert flow.momentum == 0.9
    assert (flow.ema_start, flow.curve_steps) == (0.5, 40)
    rates = [float(flow._learning_rate(step)) for step in (10, 20, 40)]
    curve = [0.01 + 0.99 * (1 + np.cos(np.pi * p)) / 2 for p in (0.25, 0.5, 1.0)]
    np.testing.assert_allclose(rates, [5e-4 * curve[0], 1e-3 * curve[1], 1e-5])


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"momentum": {"": 0.0, "flow": 0.9}}, "the group joint/flow, which has adam"),
        ({"optimizer": {"": "sgd"}, "beta_1": {"": 0.5}}, "which has sgd"),
        ({"optimizer": {"": "adamx"}}, "Did you mean adamax"),
        ({"schedule": {"": "cosine"}}, "schedule_epochs"),
        ({"beta_2_end": {"": 0.99}}, "`beta_2_end` follows a cosine"),
        ({"ema_start": {"": 0.0}}, "`ema_start` follows a cosine"),
        ({"ema_start": {"": 1.5}}, "between"),
        ({"optimizer": {"": "sgd"}, "beta_2_end": {"": 0.9}}, "which has sgd"),
    ],
)
def test_options_that_do_not_fit_are_refused(settings, word):
    with pytest.raises(errors.InvalidValue, match=word):
        test_options.make(**settings)
