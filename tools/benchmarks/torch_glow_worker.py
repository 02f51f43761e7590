# SPDX-License-Identifier: Apache-2.0
"""Glow of PyTorch: the same network written out, and that of normflows.

    python torch_glow_worker.py CASE eager|channels_last|compiled|normflows

where a case is train_glow or sample_glow.
"""

import sys

import numpy as np
import torch
import worker
from torch.nn import utils

_IMAGES, _BATCH_SIZE = 10_240, 128
_SHAPE, _LEVELS, _BLOCKS, _HIDDEN = (1, 28, 28), 2, 8, 64


class _Normflows(torch.nn.Module):
    """normflows' Glow, built as its documentation does."""

    def __init__(self):
        super().__init__()
        import normflows

        bases, merges, flows = [], [], []
        for level in range(_LEVELS):
            channels = _SHAPE[0] * 2 ** (_LEVELS + 1 - level)
            flows.append(
                [
                    *(
                        normflows.flows.GlowBlock(channels, _HIDDEN)
                        for _ in range(_BLOCKS)
                    ),
                    normflows.flows.Squeeze(),
                ]
            )
            halved = _LEVELS - level
            size = (_SHAPE[1] // 2**halved, _SHAPE[2] // 2**halved)
            if level:
                merges.append(normflows.flows.Merge())
                channels //= 2
            bases.append(normflows.distributions.GlowBase((channels, *size)))
        transform = normflows.transforms.Logit(alpha=1e-5)
        self.flow = normflows.MultiscaleFlow(
            bases, flows, merges, transform, class_cond=False
        )

    def forward(self, level, noise):
        return self.flow.forward_kld((level + noise) / 256.0)

    def sample(self, n):
        return self.flow.sample(n)[0]


def _model(variant):
    torch.manual_seed(0)
    if variant == "normflows":
        return _Normflows()
    import torch_glow

    model = torch_glow.Glow(_SHAPE, levels=_LEVELS, blocks=_BLOCKS, hidden=_HIDDEN)
    if variant == "channels_last":
        model = model.to(memory_format=torch.channels_last)
    return model


def _train(variant):
    model = _model(variant)
    loss_of = torch.compile(model) if variant == "compiled" else model
    parameters = list(model.parameters())
    optimizer = torch.optim.Adam(parameters, lr=1e-3, fused=True)
    drawn = np.random.default_rng(0).integers(0, 256, (_IMAGES, *_SHAPE), np.uint8)
    images = torch.from_numpy(drawn)

    def step():
        level = images[torch.randint(0, _IMAGES, (_BATCH_SIZE,))].float()
        if variant == "channels_last":
            level = level.contiguous(memory_format=torch.channels_last)
        optimizer.zero_grad(set_to_none=True)
        loss_of(level, torch.rand_like(level)).backward()
        utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()

    def run(steps):
        for _ in range(steps):
            step()

    return worker.Work(run, _BATCH_SIZE, about=_about(model))


def _sample(variant):
    model = _model(variant).eval()
    if variant == "normflows":
        # Its scales are set by the first batch that it sees.
        with torch.no_grad():
            model(torch.randint(0, 256, (_BATCH_SIZE, *_SHAPE)), torch.tensor(0.5))
    sample = torch.compile(model.sample) if variant == "compiled" else model.sample

    def run(calls):
        with torch.inference_mode():
            for _ in range(calls):
                sample(_BATCH_SIZE)

    return worker.Work(run, _BATCH_SIZE, about=_about(model))


def _about(model):
    parameters = sum(tensor.numel() for tensor in model.parameters())
    return {"torch": torch.__version__, "parameters": f"{parameters:,}"}


def main():
    """Serves the case of the arguments."""
    variant = sys.argv[2]
    worker.serve(
        {
            "train_glow": lambda: _train(variant),
            "sample_glow": lambda: _sample(variant),
        }
    )


if __name__ == "__main__":
    main()
