# SPDX-License-Identifier: Apache-2.0
"""The networks of the GLF paper and of the slides in PyTorch, for comparison."""

__all__ = ["infogan", "mlp", "top_down", "LatentFlow"]

import math

import torch
from torch import nn


def infogan(image_shape, latent_dim, *, code_dim=None, slope=0.0):
    """Returns encoder and decoder (to logits) of the paper's table 3.

    With a slope, ReLUs are leaky, as in GANs.
    """
    height, width, channels = image_shape
    inner = (128, height // 4, width // 4)
    size = math.prod(inner)
    encoder = nn.Sequential(
        nn.Conv2d(channels, 64, 4, stride=2, padding=1),
        _relu(slope),
        nn.Conv2d(64, 128, 4, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(128),
        _relu(slope),
        nn.Flatten(),
        nn.Linear(size, 1024, bias=False),
        nn.BatchNorm1d(1024),
        _relu(slope),
        nn.Linear(1024, code_dim or latent_dim),
    )
    decoder = nn.Sequential(
        nn.Linear(latent_dim, 1024, bias=False),
        nn.BatchNorm1d(1024),
        _relu(slope),
        nn.Linear(1024, size, bias=False),
        nn.BatchNorm1d(size),
        _relu(slope),
        nn.Unflatten(1, inner),
        nn.ConvTranspose2d(128, 64, 4, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(64),
        _relu(slope),
        nn.ConvTranspose2d(64, channels, 4, stride=2, padding=1),
    )
    return encoder, decoder


def mlp(image_shape, latent_dim, hidden=(200, 200)):
    """Returns encoder and decoder of the slides; the decoder returns logits."""
    size = math.prod(image_shape)
    channels_first = (image_shape[2], *image_shape[:2])
    encoder = nn.Sequential(nn.Flatten(), *_dense([size, *hidden, latent_dim]))
    decoder = nn.Sequential(
        *_dense([latent_dim, *reversed(hidden), size]), nn.Unflatten(1, channels_first)
    )
    return encoder, decoder


def top_down(latent_dim):
    """Returns LFBM's generator for MNIST, with pixels in [-1, 1]."""
    return nn.Sequential(
        nn.Unflatten(1, (latent_dim, 1, 1)),
        nn.ConvTranspose2d(latent_dim, 128, 7),
        nn.LeakyReLU(0.2),
        nn.ConvTranspose2d(128, 64, 4, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.ConvTranspose2d(64, 1, 4, stride=2, padding=1),
        nn.Tanh(),
    )


def _relu(slope):
    return nn.LeakyReLU(slope) if slope else nn.ReLU()


def _dense(sizes, *, batch_norm=False):
    layers = []
    for index, (inputs, outputs) in enumerate(zip(sizes, sizes[1:], strict=False)):
        layers.append(nn.Linear(inputs, outputs))
        if index < len(sizes) - 2:
            layers.append(nn.ReLU())
            if batch_norm:
                layers.append(nn.BatchNorm1d(outputs))
    return layers


class _Coupling(nn.Module):
    def __init__(self, dim, hidden, *, first, batch_norm, shared):
        super().__init__()
        self.split, self.first, self.shared = dim // 2, first, shared
        sizes = (dim // 2, dim - dim // 2)
        outputs, inputs = sizes if first else sizes[::-1]

        def network(factor=1):
            chain = _dense(
                [inputs, hidden, hidden, factor * outputs], batch_norm=batch_norm
            )
            nn.init.zeros_(chain[-1].weight)
            nn.init.zeros_(chain[-1].bias)
            return nn.Sequential(*chain)

        self.shift = network(2 if shared else 1)
        self.scale = None if shared else network()

    def _parameters_of(self, half):
        if self.shared:
            raw, shift = self.shift(half).chunk(2, dim=-1)
            return shift, nn.functional.logsigmoid(raw + 2.0)
        return self.shift(half), 2.0 * 0.636 * torch.atan(self.scale(half))

    def forward(self, z):
        first, second = z[:, : self.split], z[:, self.split :]
        x, half = (first, second) if self.first else (second, first)
        shift, log_scale = self._parameters_of(half)
        y = x * log_scale.exp() + shift
        halves = (y, half) if self.first else (half, y)
        return torch.cat(halves, dim=-1), log_scale.sum(dim=-1)

    def inverse(self, e):
        first, second = e[:, : self.split], e[:, self.split :]
        y, half = (first, second) if self.first else (second, first)
        shift, log_scale = self._parameters_of(half)
        x = (y - shift) * (-log_scale).exp()
        return torch.cat((x, half) if self.first else (half, x), dim=-1)


class LatentFlow(nn.Module):
    """Couplings and permutations: the paper's two-sided blocks, or the slides' form."""

    def __init__(
        self, dim, *, hidden, blocks=4, batch_norm=False, one_sided=False, shared=False
    ):
        super().__init__()
        self.dim = dim
        self.couplings = nn.ModuleList()
        sides = (False,) if one_sided else (True, False)
        for _ in range(blocks):
            for first in sides:
                self.couplings.append(
                    _Coupling(
                        dim,
                        hidden,
                        first=first,
                        batch_norm=batch_norm,
                        shared=shared or one_sided,
                    )
                )
        self.every = len(sides)
        for index in range(blocks):
            self.register_buffer(f"order_{index}", torch.randperm(dim))

    def log_prob(self, z):
        """Returns the log-density of each latent."""
        total = 0.0
        for index, coupling in enumerate(self.couplings):
            z, log_det = coupling(z)
            total = total + log_det
            if (index + 1) % self.every == 0:
                z = z[:, getattr(self, f"order_{index // self.every}")]
        constant = 0.5 * self.dim * math.log(2.0 * math.pi)
        return total - 0.5 * z.square().sum(dim=-1) - constant

    def sample(self, n):
        """Returns `n` latents."""
        z = torch.randn(n, self.dim)
        for index in reversed(range(len(self.couplings))):
            if (index + 1) % self.every == 0:
                order = getattr(self, f"order_{index // self.every}")
                z = z[:, order.argsort()]
            z = self.couplings[index].inverse(z)
        return z
