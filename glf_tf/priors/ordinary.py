# SPDX-License-Identifier: Apache-2.0
"""A solver of ordinary differential equations, with steps of equal size.

Hairer, Norsett, Wanner: Solving Ordinary Differential Equations I, 1993, table II.1.2.
`tfp.math.ode` chooses its steps by the whole batch: a row would depend on the others.
"""

__all__ = ["moved", "solve"]

from collections.abc import Callable

import tensorflow as tf

State = tuple[tf.Tensor, ...]
"""What moves."""

Derivative = Callable[[tf.Tensor, State], State]
"""The derivative of a state at a time, a scalar."""


def solve(
    derivative: Derivative,
    state: State,
    *,
    start: float,
    end: float,
    steps: int,
) -> State:
    """Returns the state at a later, or an earlier, time, by Runge and Kutta's method.

    Of order 4, with four derivatives a step.

    Args:
        derivative: Function of time and state.
        state: The state at `start`.
        start: The time of the state.
        end: The time of the result.
        steps: Number of steps.
    """
    size = (end - start) / steps  # negative towards an earlier time
    dtype = state[0].dtype

    def step(index, state):
        time = start + size * tf.cast(index, dtype)
        return index + 1, _step(derivative, state, time=time, size=size)

    return tf.while_loop(
        lambda index, _: index < steps, step, (0, state), maximum_iterations=steps
    )[1]


def _step(
    derivative: Derivative, state: State, *, time: tf.Tensor, size: float
) -> State:
    half = size / 2.0
    first = derivative(time, state)
    second = derivative(time + half, _moved(state, first, half))
    third = derivative(time + half, _moved(state, second, half))
    last = derivative(time + size, _moved(state, third, size))
    mean = tf.nest.map_structure(
        lambda a, b, c, d: (a + 2.0 * (b + c) + d) / 6.0, first, second, third, last
    )
    return _moved(state, mean, size)


def _moved(state: State, derivative: State, size: float) -> State:
    return tf.nest.map_structure(lambda x, dx: x + size * dx, state, derivative)


def moved(
    velocity_fn: Callable, x: tf.Tensor, *, times: tuple[float, float], steps: int
) -> tf.Tensor:
    """Returns where states are after a time.

    Args:
        velocity_fn: Function of time and states that returns their velocities.
        x: States, `[...]`.
        times: Start and end.
        steps: Number of steps.
    """
    start, end = times
    (x,) = solve(
        lambda time, state: (velocity_fn(time, state[0]),),
        (x,),
        start=start,
        end=end,
        steps=steps,
    )
    return x
