# SPDX-License-Identifier: Apache-2.0
"""Flow matching of PyTorch on codes, with the sizes of `codes.Velocity`.

    python torch_flow_matching_worker.py sample_flow_matching VARIANT
    python torch_flow_matching_worker.py density_flow_matching eager|compiled

The variants eager and compiled have the network and the solver of this library, written
out. torchdyn and torchdiffeq have torchcfm's network, which has no option but its
width, and are the solvers of torchcfm's examples, with as many velocities: torchdyn's
method is the same, torchdiffeq's is the other of Kutta's two of order 4.
"""

import sys

import codes as codes_lib
import torch
import torch_flow_matching
import worker

_SIZES, _DIM = codes_lib.Velocity(), codes_lib.DIM


def _twin(variant):
    """Returns the network of this library, and its density."""
    network = torch_flow_matching.VelocityNetwork(
        _DIM, hidden=_SIZES.hidden, depth=_SIZES.depth, embedding=_SIZES.embedding
    )
    density = torch_flow_matching.Density(network, dim=_DIM, steps=_SIZES.steps)
    if variant == "compiled":
        # A step: it takes minutes to compile all of them as one.
        density.step = torch.compile(density.step)
    return network, density


def _torchcfm(library):
    """Returns torchcfm's network, and a function from a number to samples."""
    from torchcfm import models, utils

    network = models.MLP(dim=_DIM, w=_SIZES.width, time_varying=True)
    velocity = utils.torch_wrapper(network)
    times = torch.linspace(0.0, 1.0, _SIZES.steps + 1)
    if library == "torchdyn":
        from torchdyn import core

        node = core.NeuralODE(velocity, solver="rk4", sensitivity="adjoint")
        return network, lambda n: node.trajectory(_noise(n), times)[-1]

    import torchdiffeq

    def sample(n):
        return torchdiffeq.odeint(velocity, _noise(n), times, method="rk4")[-1]

    return network, sample


def _noise(n):
    return torch.randn(n, _DIM)


def _sample():
    variant = sys.argv[2]
    if variant in ("eager", "compiled"):
        network, density = _twin(variant)
        sample = density.sample
    else:
        network, sample = _torchcfm(variant)
    return _without_gradients(network, lambda: sample(_SIZES.batch_size))


def _density():
    network, density = _twin(sys.argv[2])
    z = torch.from_numpy(codes_lib.codes(_SIZES.batch_size)).float()
    return _without_gradients(network, lambda: density.log_prob(z))


def _without_gradients(network, call):
    def run(calls):
        with torch.no_grad():
            for _ in range(calls):
                call()

    parameters = sum(tensor.numel() for tensor in network.parameters())
    about = {"torch": torch.__version__, "parameters": f"{parameters:,}"}
    return worker.Work(run, _SIZES.batch_size, about=about)


if __name__ == "__main__":
    torch.manual_seed(0)
    worker.serve({"sample_flow_matching": _sample, "density_flow_matching": _density})
