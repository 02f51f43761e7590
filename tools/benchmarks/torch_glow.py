# SPDX-License-Identifier: Apache-2.0
"""Glow in PyTorch, with the same steps, networks and parameters as this library's.

Kingma, Dhariwal: Glow: Generative Flow with Invertible 1x1 Convolutions, 2018.
https://arxiv.org/abs/1807.03039
"""

__all__ = ["Glow"]

import math

import torch
from torch import nn
from torch.nn import functional

_LOG_SCALE_FACTOR = 3.0


class _Linear(nn.Module):
    """An invertible 1x1 convolution, `eps[order] = L U x`."""

    def __init__(self, channels):
        super().__init__()
        rotation, _ = torch.linalg.qr(torch.randn(channels, channels))
        factors, pivots = torch.linalg.lu_factor(rotation)
        permutation, _, _ = torch.lu_unpack(factors, pivots)
        self.factors = nn.Parameter(factors)
        self.register_buffer("order", permutation.argmax(dim=0))

    def forward(self, x):
        matrix = (self._lower() @ self.factors.triu())[self.order.argsort()]
        log_det = self.factors.diagonal().abs().log().sum() * x[0, 0].numel()
        return functional.conv2d(x, matrix[:, :, None, None]), log_det

    def inverse(self, eps):
        rows = torch.eye(len(self.order))[self.order]
        matrix = torch.linalg.solve_triangular(self._lower(), rows, upper=False)
        matrix = torch.linalg.solve_triangular(self.factors, matrix, upper=True)
        return functional.conv2d(eps, matrix[:, :, None, None])

    def _lower(self):
        return self.factors.tril(-1) + torch.eye(len(self.order))


class _ActNorm(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.shift = nn.Parameter(0.05 * torch.randn(channels))
        self.log_scale = nn.Parameter(0.05 * torch.randn(channels))

    def forward(self, x):
        log_scale = _LOG_SCALE_FACTOR * self.log_scale
        scaled = (x + _planes(self.shift)) * _planes(log_scale.exp())
        return scaled, log_scale.sum() * x[0, 0].numel()

    def inverse(self, eps):
        scale = (-_LOG_SCALE_FACTOR * self.log_scale).exp()
        return eps * _planes(scale) - _planes(self.shift)


class _Convolution(nn.Module):
    """`(conv(x) + shift) * exp(3 log_scale)`, with an input that is 1 in the padding.

    That input's part is the same for all images, and of one of them computed.
    """

    def __init__(self, inputs, outputs, *, size, image_size, deviation=0.0):
        super().__init__()
        self.kernel = self.edge = None
        if inputs:
            drawn = deviation * torch.randn(outputs, inputs, size, size)
            self.kernel = nn.Parameter(drawn)
        if size > 1:
            self.edge = nn.Parameter(torch.zeros(outputs, 1, size, size))
        self.shift = nn.Parameter(torch.zeros(outputs))
        self.log_scale = nn.Parameter(torch.zeros(outputs))
        border = 1.0 - functional.pad(torch.ones(1, 1, *image_size), (1, 1, 1, 1))
        self.register_buffer("border", border)

    def forward(self, x):
        scale = (_LOG_SCALE_FACTOR * self.log_scale).exp()
        if self.edge is None:
            weight = self.kernel * scale[:, None, None, None]
            return functional.conv2d(x, weight, self.shift * scale)
        edge = functional.conv2d(self.border, self.edge, self.shift)
        if self.kernel is None:
            return edge * _planes(scale)
        weight = self.kernel * scale[:, None, None, None]
        return functional.conv2d(x, weight, padding="same") + edge * _planes(scale)


class _Coupling(nn.Module):
    """Towards noise, the second half `x` is `(x + shift) * exp(2 tanh(u / 2))`."""

    def __init__(self, channels, *, hidden, image_size):
        super().__init__()
        common = {"image_size": image_size}
        self.network = nn.ModuleDict(
            {
                "hidden_0": _Convolution(
                    channels // 2, hidden, size=3, deviation=0.05, **common
                ),
                "hidden_1": _Convolution(
                    hidden, hidden, size=1, deviation=0.05, **common
                ),
                "output": _Convolution(hidden, channels, size=3, **common),
            }
        )

    def forward(self, x):
        kept, x = x.chunk(2, dim=1)
        shift, log_scale = self._parameters_of(kept)
        eps = (x + shift) * log_scale.exp()
        return torch.cat([kept, eps], dim=1), log_scale.sum(dim=(1, 2, 3))

    def inverse(self, eps):
        kept, eps = eps.chunk(2, dim=1)
        shift, log_scale = self._parameters_of(kept)
        return torch.cat([kept, eps * (-log_scale).exp() - shift], dim=1)

    def _parameters_of(self, kept):
        h = functional.relu(self.network["hidden_0"](kept))
        h = functional.relu(self.network["hidden_1"](h))
        shift, u = self.network["output"](h).chunk(2, dim=1)
        return shift, 2.0 * torch.tanh(u / 2.0)


class _FactorOut(nn.Module):
    """Makes the channels after the kept ones a flat part of the noise."""

    def __init__(self, channels, *, kept, image_size):
        super().__init__()
        self.kept, self.shape = kept, (channels - kept, *image_size)
        self.network = _Convolution(
            kept, 2 * (channels - kept), size=3, image_size=image_size
        )

    def forward(self, x):
        kept, z = x[:, : self.kept], x[:, self.kept :]
        mean, log_deviation = self._density(kept)
        eps = (z - mean) * (-log_deviation).exp()
        log_det = -log_deviation.sum(dim=(1, 2, 3))
        return kept, eps.flatten(1), log_det

    def inverse(self, kept, flat):
        mean, log_deviation = self._density(kept)
        z = mean + flat.unflatten(1, self.shape) * log_deviation.exp()
        return z if kept is None else torch.cat([kept, z], dim=1)

    def _density(self, kept):
        mean, raw = self.network(kept).chunk(2, dim=1)
        return mean, 5.0 * torch.tanh(raw / 5.0)


class Glow(nn.Module):
    """A model of images [batch, channels, height, width] of 256 levels.

    Parameters have the paths of this library's, with dots for slashes.
    """

    def __init__(self, image_shape, *, levels=2, blocks=8, hidden=64, alpha=1e-5):
        super().__init__()
        self.alpha, self.size = alpha, math.prod(image_shape)
        self.flow, self.levels = nn.ModuleDict(), []
        channels, *size = image_shape
        for level in range(levels):
            channels, size = 4 * channels, [side // 2 for side in size]
            steps = {}
            for block in range(blocks):
                name = f"level_{level}_block_{block}"
                steps[f"{name}_actnorm"] = _ActNorm(channels)
                steps[f"{name}_linear"] = _Linear(channels)
                steps[f"{name}_coupling"] = _Coupling(
                    channels, hidden=hidden, image_size=size
                )
            kept = channels // 2 if level < levels - 1 else 0
            last = _FactorOut(channels, kept=kept, image_size=size)
            self.flow.update({**steps, f"level_{level}_factor_out": last})
            self.levels.append((list(steps.values()), last))
            channels = kept

    def forward(self, level, noise):
        """Returns the mean bits per dimension of levels in [0, 255], with noise."""
        x = self.alpha + (1.0 - 2.0 * self.alpha) * (level + noise) / 256.0
        y = x.log() - (-x).log1p()
        slope = functional.softplus(y) + functional.softplus(-y)
        log_det = slope.sum(dim=(1, 2, 3))
        log_det = log_det + self.size * math.log1p(-2.0 * self.alpha)
        eps, log_det_flow = self.encode(y)
        normal = -0.5 * (eps.square().sum(dim=1) + self.size * math.log(2.0 * math.pi))
        log_prob = normal + log_det + log_det_flow
        return 8.0 - log_prob.mean() / (self.size * math.log(2.0))

    def encode(self, y):
        """Returns flat noise and log-determinants of logits."""
        parts, total = [], 0.0
        for steps, factor_out in self.levels:
            y = functional.pixel_unshuffle(y, 2)
            for step in steps:
                y, log_det = step(y)
                total = total + log_det
            y, eps, log_det = factor_out(y)
            parts.append(eps)
            total = total + log_det
        return torch.cat(parts, dim=1), total

    def sample(self, n):
        """Returns `n` images in [0, 1]."""
        x = (torch.sigmoid(self.decode(torch.randn(n, self.size))) - self.alpha) / (
            1.0 - 2.0 * self.alpha
        )
        return (256.0 * x - 0.5).clamp(0.0, 255.0) / 255.0

    def decode(self, eps):
        """Returns the logits of flat noise."""
        sizes = [math.prod(factor_out.shape) for _, factor_out in self.levels]
        y, parts = None, list(eps.split(sizes, dim=1))
        for steps, factor_out in reversed(self.levels):
            y = factor_out.inverse(y, parts.pop())
            for step in reversed(steps):
                y = step.inverse(y)
            y = functional.pixel_shuffle(y, 2)
        return y


def _planes(values):
    return values[:, None, None]
