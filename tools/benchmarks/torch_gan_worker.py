# SPDX-License-Identifier: Apache-2.0
"""A non-saturating GAN of PyTorch, with the networks and settings of `flags/gan/mnist`.

    python torch_gan_worker.py train_gan eager|channels_last|compiled
    python torch_gan_worker.py train_gan_bfloat16 eager|channels_last|compiled

The images that the critic judges in the generator's turn are those of its own turn: the
generator and its noise have not changed in between, so that they are made once.
"""

import sys

import numpy as np
import torch
import torch_networks
import worker
from torch.nn import functional

_IMAGES, _BATCH_SIZE, _LATENT_DIM = 10_240, 64, 64
_SHAPE = (28, 28, 1)


class _GAN:
    """Both players, their optimisers, and a step of each."""

    def __init__(self, variant, *, is_mixed):
        torch.manual_seed(0)
        self._is_mixed = is_mixed
        critic, generator = torch_networks.infogan(
            _SHAPE, _LATENT_DIM, code_dim=1, slope=0.2
        )
        networks = [critic, torch.nn.Sequential(generator, torch.nn.Sigmoid())]
        if variant == "channels_last":
            networks = [net.to(memory_format=torch.channels_last) for net in networks]
        self.optimizers = [
            torch.optim.Adam(net.parameters(), lr=5e-5, betas=(0.0, 0.999), fused=True)
            for net in networks
        ]
        self.parameters = sum(p.numel() for net in networks for p in net.parameters())
        if variant == "compiled":
            networks = [torch.compile(net) for net in networks]
        self.critic, self.generator = networks

    def step(self, image):
        """Updates the critic, then the generator."""
        with self._precision():
            made = self.generator(2.0 * torch.rand(len(image), _LATENT_DIM) - 1.0)
            real, fake = self.critic(image), self.critic(made.detach())
        loss = functional.softplus(-real).mean() + functional.softplus(fake).mean()
        self._minimise(loss, of=self.optimizers[0])
        for parameter in self.critic.parameters():
            parameter.requires_grad_(False)
        with self._precision():
            fake = self.critic(made)
        self._minimise(functional.softplus(-fake).mean(), of=self.optimizers[1])
        for parameter in self.critic.parameters():
            parameter.requires_grad_(True)

    def _precision(self):
        how = {"dtype": torch.bfloat16, "enabled": self._is_mixed}
        return torch.autocast("cpu", **how)

    def _minimise(self, loss, *, of):
        of.zero_grad(set_to_none=True)
        loss.backward()
        of.step()


def _train(variant, *, is_mixed=False):
    model = _GAN(variant, is_mixed=is_mixed)
    height, width, channels = _SHAPE
    shape = (_IMAGES, channels, height, width)
    drawn = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    images = torch.from_numpy(drawn)

    def run(steps):
        for _ in range(steps):
            index = torch.randint(0, _IMAGES, (_BATCH_SIZE,))
            image = images[index].float() / 255.0
            if variant == "channels_last":
                image = image.contiguous(memory_format=torch.channels_last)
            model.step(image)

    about = {"torch": torch.__version__, "parameters": f"{model.parameters:,}"}
    return worker.Work(run, _BATCH_SIZE, about=about)


def main():
    """Serves the case of the arguments."""
    worker.serve(
        {
            "train_gan": lambda: _train(sys.argv[2]),
            "train_gan_bfloat16": lambda: _train(sys.argv[2], is_mixed=True),
        }
    )


if __name__ == "__main__":
    main()
