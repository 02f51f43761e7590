# SPDX-License-Identifier: Apache-2.0
"""This library's velocity network, and its solver, in PyTorch, for comparison."""

__all__ = ["Density", "VelocityNetwork"]

import math

import torch
from torch import nn

_SLOWEST, _FASTEST = 0.25, 8.0


class VelocityNetwork(nn.Module):
    """Residual blocks whose units are scaled and shifted by time."""

    def __init__(self, dim, *, hidden, depth, embedding):
        super().__init__()
        ends = math.log(_SLOWEST), math.log(_FASTEST)
        turns = torch.linspace(*ends, embedding // 2, dtype=torch.float64).exp()
        self.register_buffer("turns", (2.0 * math.pi * turns).float(), persistent=False)
        self.time = nn.Linear(embedding, embedding)
        self.input = nn.Linear(dim, hidden)
        films = (nn.Linear(embedding, 2 * hidden) for _ in range(depth))
        self.films = nn.ModuleList(films)
        self.denses = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(depth))
        self.output = nn.Linear(hidden, dim)

    def forward(self, time, x):
        """Returns velocities `[batch, dim]` at a time, a scalar."""
        h = self.input(x)
        for (scale, shift), dense in self._blocks(time):
            h = h + dense(nn.functional.silu((1.0 + scale) * h + shift))
        return self.output(h)

    def with_divergence(self, time, x):
        """Returns velocities, and their divergence with nothing estimated."""
        h, dh = self.input(x), self.input.weight.T  # [dim, hidden]
        for (scale, shift), dense in self._blocks(time):
            u = (1.0 + scale) * h + shift
            gate = torch.sigmoid(u)
            slope = (1.0 + scale) * gate * (1.0 + u * (1.0 - gate))
            dh = dh + (dh * slope[:, None]) @ dense.weight.T
            h = h + dense(u * gate)
        divergence = torch.einsum("bih,ih->b", dh, self.output.weight)
        return self.output(h), divergence

    def _blocks(self, time):
        """Returns scale and shift of each block, with its layer."""
        angle = time * self.turns
        features = torch.cat([angle.cos(), angle.sin()])
        c = nn.functional.silu(self.time(features))
        scales = (film(c).chunk(2) for film in self.films)
        return zip(scales, self.denses, strict=True)


class Density(nn.Module):
    """Noise from N(0, I) that moves with the velocity; codes have deviations of 1."""

    def __init__(self, network, *, dim, steps):
        super().__init__()
        self.network, self._dim, self._steps = network, dim, steps

    def forward(self, eps):
        """Returns the codes of noise."""
        (x,) = self._moved(self._velocity, (eps,), start=0.0, end=1.0)
        return x

    def sample(self, n):
        """Returns `n` codes."""
        return self(torch.randn(n, self._dim))

    def log_prob(self, x):
        """Returns the log-density of codes."""
        state = x, torch.zeros(len(x))
        velocity = self.network.with_divergence
        eps, log_det = self._moved(velocity, state, start=1.0, end=0.0)
        constant = 0.5 * self._dim * math.log(2.0 * math.pi)
        return log_det - 0.5 * eps.square().sum(dim=-1) - constant

    def step(self, derivative, state, time, size):
        """Returns the state after a step of Runge and Kutta's method of order 4."""
        half = 0.5 * size
        first = derivative(time, state[0])
        second = derivative(time + half, _sum(state, first, half)[0])
        third = derivative(time + half, _sum(state, second, half)[0])
        last = derivative(time + size, _sum(state, third, size)[0])
        slopes = zip(first, second, third, last, strict=True)
        mean = tuple((a + 2.0 * (b + c) + d) / 6.0 for a, b, c, d in slopes)
        return _sum(state, mean, size)

    def _velocity(self, time, x):
        return (self.network(time, x),)

    def _moved(self, derivative, state, *, start, end):
        size = (end - start) / self._steps
        for time in start + size * torch.arange(self._steps):
            state = self.step(derivative, state, time, size)
        return state


def _sum(state, slope, size):
    return tuple(x + size * dx for x, dx in zip(state, slope, strict=True))
