# SPDX-License-Identifier: Apache-2.0
"""Spline flows of PyTorch's libraries on codes, with the sizes of `codes.Splines`.

    python torch_splines_worker.py CASE nflows|zuko [STEPS]

where a case is train_spline, density_spline or sample_spline. nflows has the network,
the splines and the mixing of the paper's code. zuko's NSF is used by couplings, with
permutations, as it has no other mixing; its parameters include what its masks hide.
"""

import sys

import codes as codes_lib
import numpy as np
import torch
import worker

_SIZES, _DIM = codes_lib.Splines(), codes_lib.DIM


def _nflows():
    from nflows import distributions, flows, nn, transforms

    def mixing():
        return [
            transforms.RandomPermutation(_DIM),
            transforms.LULinear(_DIM, identity_init=True),
        ]

    def network(inputs, outputs):
        return nn.nets.ResidualNet(
            inputs,
            outputs,
            hidden_features=_SIZES.hidden,
            num_blocks=_SIZES.depth,
        )

    steps = []
    for index in range(_SIZES.blocks):
        mask = torch.arange(_DIM) < _DIM // 2
        steps += mixing()
        steps.append(
            transforms.PiecewiseRationalQuadraticCouplingTransform(
                mask=mask if index % 2 else ~mask,
                transform_net_create_fn=network,
                num_bins=_SIZES.bins,
                tails="linear",
                tail_bound=_SIZES.bound,
                apply_unconditional_transform=True,
            )
        )
    base = distributions.StandardNormal([_DIM])
    flow = flows.Flow(transforms.CompositeTransform([*steps, *mixing()]), base)
    return flow, flow.log_prob, flow.sample


def _zuko():
    import zuko

    flow = zuko.flows.NSF(
        _DIM,
        bins=_SIZES.bins,
        transforms=_SIZES.blocks,
        randperm=True,
        passes=2,
        hidden_features=[_SIZES.hidden] * _SIZES.depth,
        residual=True,
    )
    return flow, lambda z: flow().log_prob(z), lambda n: flow().sample((n,))


_LIBRARIES = {"nflows": _nflows, "zuko": _zuko}


def _made():
    torch.manual_seed(0)
    return _LIBRARIES[sys.argv[2]]()


def _train():
    z = np.float32(codes_lib.codes())
    train, test = z[:50_000], torch.from_numpy(z[50_000:])
    flow, log_prob, _ = _made()
    optimizer = torch.optim.Adam(flow.parameters(), lr=_SIZES.learning_rate)
    batches = codes_lib.batches(train, batch_size=_SIZES.batch_size)

    def run(steps):
        for _ in range(steps):
            optimizer.zero_grad()
            loss = -log_prob(torch.from_numpy(next(batches))).mean()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(flow.parameters(), _SIZES.clip_norm)
            optimizer.step()

    steps = int(sys.argv[3]) if sys.argv[3:] else _SIZES.steps
    run(steps)
    with torch.inference_mode():
        nats = -log_prob(test).mean().item()
    about = {**_about(flow), "nats": f"{nats:.2f} nats after {steps:,} steps"}
    return worker.Work(run, _SIZES.batch_size, about=about)


def _density():
    z = torch.from_numpy(np.float32(codes_lib.codes(_SIZES.batch_size)))
    flow, log_prob, _ = _made()
    return _without_gradients(flow, lambda: log_prob(z))


def _sample():
    flow, _, sample = _made()
    return _without_gradients(flow, lambda: sample(_SIZES.batch_size))


def _without_gradients(flow, call):
    flow.eval()

    def run(calls):
        with torch.inference_mode():
            for _ in range(calls):
                call()

    return worker.Work(run, _SIZES.batch_size, about=_about(flow))


def _about(flow):
    parameters = sum(tensor.numel() for tensor in flow.parameters())
    return {"torch": torch.__version__, "parameters": f"{parameters:,}"}


if __name__ == "__main__":
    worker.serve(
        {"train_spline": _train, "density_spline": _density, "sample_spline": _sample}
    )
