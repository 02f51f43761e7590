# SPDX-License-Identifier: Apache-2.0
"""PyTorch on the same work: training and sampling, Langevin steps, the input pipeline.

python torch_worker.py CASE eager|channels_last|compiled
"""

import sys

import numpy as np
import torch
import torch_networks
import worker
from torch.nn import functional

_IMAGES = 10_240


class _GLF(torch.nn.Module):
    def __init__(self, networks, flow, *, bernoulli):
        super().__init__()
        self.encoder, self.decoder = networks
        self.flow, self.bernoulli = flow, bernoulli

    def forward(self, image):
        z = self.encoder(image)
        logits = self.decoder(z)
        if self.bernoulli:
            error = functional.binary_cross_entropy_with_logits(
                logits, image, reduction="sum"
            )
        else:
            error = (torch.sigmoid(logits) - image).square().sum()
        return error / len(image) - self.flow.log_prob(z.detach()).mean()

    def sample(self, n):
        return torch.sigmoid(self.decoder(self.flow.sample(n)))


def _paper(image_shape, latent_dim, hidden):
    return _GLF(
        torch_networks.infogan(image_shape, latent_dim),
        torch_networks.LatentFlow(latent_dim, hidden=hidden, batch_norm=True),
        bernoulli=False,
    )


def _slides():
    return _GLF(
        torch_networks.mlp((28, 28, 1), 40),
        torch_networks.LatentFlow(40, hidden=200, one_sided=True),
        bernoulli=True,
    )


def _train(make, image_shape, *, batch_size, variant):
    torch.manual_seed(0)
    model = make()
    if variant == "channels_last":
        model = model.to(memory_format=torch.channels_last)
    loss_of = torch.compile(model) if variant == "compiled" else model
    own = list(model.flow.parameters())
    autoencoder = [*model.encoder.parameters(), *model.decoder.parameters()]
    optimizer = torch.optim.Adam(
        [
            {"params": autoencoder},
            {"params": own, "betas": (0.8, 0.9), "eps": 1e-6, "weight_decay": 2e-5},
        ],
        lr=1e-3,
        fused=True,
    )
    height, width, channels = image_shape
    generator = np.random.default_rng(0)
    drawn = generator.integers(0, 256, (_IMAGES, channels, height, width), np.uint8)
    images = torch.from_numpy(drawn)

    def step():
        index = torch.randint(0, _IMAGES, (batch_size,))
        image = images[index].float() / 255.0
        if variant == "channels_last":
            image = image.contiguous(memory_format=torch.channels_last)
        optimizer.zero_grad(set_to_none=True)
        loss_of(image).backward()
        optimizer.step()

    def run(steps):
        for _ in range(steps):
            step()

    return worker.Work(run, batch_size, about=_about())


def _sample(make, *, batch_size, variant):
    torch.manual_seed(0)
    model = make().eval()
    if variant == "channels_last":
        model = model.to(memory_format=torch.channels_last)
    sample = torch.compile(model.sample) if variant == "compiled" else model.sample

    def run(calls):
        with torch.inference_mode():
            for _ in range(calls):
                sample(batch_size)

    return worker.Work(run, batch_size, about=_about())


def _langevin(variant, *, batch_size=100, latent_dim=64, steps=20):
    torch.manual_seed(0)
    generator = torch_networks.top_down(latent_dim)
    prior = torch_networks.LatentFlow(latent_dim, hidden=64)
    for parameter in (*generator.parameters(), *prior.parameters()):
        parameter.requires_grad_(False)
    image = 2.0 * torch.rand(batch_size, 1, 28, 28) - 1.0
    sigma, size = 0.3, 0.1

    def energy(z):
        error = (generator(z) - image).square().sum() / (2.0 * sigma**2)
        return error - prior.log_prob(z).sum()

    if variant == "compiled":
        energy = torch.compile(energy)

    def run(calls):
        for _ in range(calls):
            z = torch.randn(batch_size, latent_dim)
            for _ in range(steps):
                z.requires_grad_(True)
                (gradient,) = torch.autograd.grad(energy(z), z)
                noise = torch.randn_like(z)
                z = z.detach() - 0.5 * size**2 * gradient + size * noise

    return worker.Work(run, batch_size * steps, about=_about())


def _pipeline(image_shape, *, size, batch_size):
    height, width, channels = image_shape
    images = torch.zeros((size, channels, height, width), dtype=torch.uint8)
    data = torch.utils.data.TensorDataset(images, torch.arange(size))
    loader = torch.utils.data.DataLoader(
        data, batch_size=batch_size, shuffle=True, drop_last=True
    )

    def batches():
        while True:
            for image, index in loader:
                yield image.float() / 255.0, index

    endless = batches()

    def run(count):
        for _ in range(count):
            next(endless)

    return worker.Work(run, batch_size, about=_about())


def _about():
    return {"torch": torch.__version__, "threads": str(torch.get_num_threads())}


def main():
    """Serves the case of the arguments."""
    variant = sys.argv[2]
    mnist, cifar = (28, 28, 1), (32, 32, 3)

    def paper_mnist():
        return _paper(mnist, 20, 64)

    def paper_cifar():
        return _paper(cifar, 64, 256)

    worker.serve(
        {
            "train_mnist": lambda: _train(
                paper_mnist, mnist, batch_size=256, variant=variant
            ),
            "train_cifar10": lambda: _train(
                paper_cifar, cifar, batch_size=256, variant=variant
            ),
            "train_slides": lambda: _train(
                _slides, mnist, batch_size=64, variant=variant
            ),
            "sample_mnist": lambda: _sample(
                paper_mnist, batch_size=256, variant=variant
            ),
            "sample_cifar10": lambda: _sample(
                paper_cifar, batch_size=256, variant=variant
            ),
            "sample_slides": lambda: _sample(_slides, batch_size=256, variant=variant),
            "langevin_mnist": lambda: _langevin(variant),
            "pipeline_mnist": lambda: _pipeline(mnist, size=60_000, batch_size=256),
        }
    )


if __name__ == "__main__":
    main()
