# SPDX-License-Identifier: Apache-2.0
"""Flow libraries of PyTorch on the latent flow: d = 64, 8 couplings of width 256.

    python torch_flows_worker.py CASE nflows|normflows|zuko|torch

where a case is density_64, density_4096, sample_64 or sample_4096, after the batch.
Each library is used as its own documentation builds a RealNVP.
"""

import sys

import torch
import worker

_DIM, _COUPLINGS, _HIDDEN = 64, 8, 256


def _nflows():
    from nflows import distributions, flows, nn, transforms

    class Network(nn.nets.MLP):
        def forward(self, inputs, context=None):
            return super().forward(inputs)

    steps = []
    for index in range(_COUPLINGS):
        mask = torch.arange(_DIM) < _DIM // 2
        steps.append(
            transforms.AffineCouplingTransform(
                mask=mask if index % 2 else ~mask,
                transform_net_create_fn=lambda inputs, outputs: Network(
                    (inputs,), (outputs,), hidden_sizes=[_HIDDEN, _HIDDEN]
                ),
            )
        )
        if index % 2:
            steps.append(transforms.RandomPermutation(_DIM))
    base = distributions.StandardNormal([_DIM])
    flow = flows.Flow(transforms.CompositeTransform(steps), base)
    return flow, flow.log_prob, flow.sample


def _normflows():
    import normflows

    steps = []
    for index in range(_COUPLINGS):
        network = normflows.nets.MLP([_DIM // 2, _HIDDEN, _HIDDEN, _DIM])
        steps.append(normflows.flows.AffineCouplingBlock(network))
        mode = "shuffle" if index % 2 else "swap"
        steps.append(normflows.flows.Permute(_DIM, mode=mode))
    flow = normflows.NormalizingFlow(normflows.distributions.DiagGaussian(_DIM), steps)
    return flow, flow.log_prob, flow.sample


def _zuko():
    import zuko

    flow = zuko.flows.RealNVP(
        _DIM, transforms=_COUPLINGS, hidden_features=(_HIDDEN, _HIDDEN)
    )
    return flow, lambda z: flow().log_prob(z), lambda n: flow().sample((n,))


def _torch():
    import torch_networks

    flow = torch_networks.LatentFlow(_DIM, hidden=_HIDDEN, shared=True)
    return flow, flow.log_prob, flow.sample


_LIBRARIES = {
    "nflows": _nflows,
    "normflows": _normflows,
    "zuko": _zuko,
    "torch": _torch,
}


def _work(task, *, batch_size, library):
    torch.manual_seed(0)
    flow, log_prob, sample = _LIBRARIES[library]()
    flow.eval()
    z = torch.randn(batch_size, _DIM)

    def run(calls):
        with torch.inference_mode():
            for _ in range(calls):
                log_prob(z) if task == "density" else sample(batch_size)

    parameters = sum(tensor.numel() for tensor in flow.parameters())
    return worker.Work(run, batch_size, about={"parameters": f"{parameters:,}"})


def main():
    """Serves the case of the arguments."""
    task, batch_size = sys.argv[1].split("_")
    library = sys.argv[2]
    worker.serve(
        {sys.argv[1]: lambda: _work(task, batch_size=int(batch_size), library=library)}
    )


if __name__ == "__main__":
    main()
