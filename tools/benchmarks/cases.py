# SPDX-License-Identifier: Apache-2.0
"""The cases of the benchmark, with their peers."""

__all__ = ["CASES", "Case", "Peer"]

import dataclasses


@dataclasses.dataclass(frozen=True)
class Peer:
    """A library in one of its modes.

    Attributes:
        name: Its name in the table.
        script: The file of its worker.
        arguments: Arguments of the worker after the case.
        is_ours: Whether it is this library or one that it needs, and is run by the
            Python of the benchmark.
    """

    name: str
    script: str
    arguments: tuple[str, ...] = ()
    is_ours: bool = False


OURS = Peer("glf_tf", "glf_tf_worker.py", is_ours=True)
_OURS_XLA = Peer("glf_tf, XLA", "glf_tf_worker.py", ("xla",), is_ours=True)
_EAGER, _CHANNELS_LAST, _COMPILED = (
    Peer(f"PyTorch, {name.replace('_', ' ')}", "torch_worker.py", (name,))
    for name in ("eager", "channels_last", "compiled")
)
_PYTHAE = Peer("pythae, its own trainer (no flow)", "pythae_worker.py")
_FLOWS = tuple(
    Peer(name, "torch_flows_worker.py", (name,))
    for name in ("nflows", "normflows", "zuko")
)
_GLOWS = tuple(
    Peer(name, "torch_glow_worker.py", (variant,))
    for name, variant in (
        ("PyTorch, eager", "eager"),
        ("PyTorch, channels last", "channels_last"),
        ("PyTorch, compiled", "compiled"),
        ("normflows, its own Glow", "normflows"),
    )
)
_GANS = tuple(
    Peer(f"PyTorch, {variant.replace('_', ' ')}", "torch_gan_worker.py", (variant,))
    for variant in ("eager", "channels_last", "compiled")
)
_OF_TABLE_4 = tuple(
    Peer(title, "glf_tf_worker.py", (f"{recipe}/mnist",), is_ours=True)
    for title, recipe in (
        ("GAN, non-saturating", "gan"),
        ("GAN, minimax", "gan_minimax"),
        ("LSGAN", "gan_least_squares"),
        ("WGAN, five turns to one", "gan_wasserstein"),
        ("WGAN-GP, five turns to one", "gan_wasserstein_gp"),
        ("DRAGAN", "gan_dragan"),
        ("BEGAN", "began"),
        ("hinge, spectral norms", "gan_hinge"),
        ("R3GAN's loss and penalties", "gan_r3gan"),
        ("GLF", "glf"),
        ("AE of RAE + mixture", "rae"),
        ("VAE", "vae"),
    )
)
_RECOMPUTED = Peer(
    "glf_tf, --flow.recompute", "glf_tf_worker.py", ("--flow.recompute",), is_ours=True
)
_TORCH_FLOW = Peer("PyTorch, the same networks", "torch_flows_worker.py", ("torch",))


_MIXTURE, _SCIKIT_LEARN = (
    Peer(name, "mixture_worker.py", arguments, is_ours=True)
    for name, arguments in (("glf_tf", ()), ("scikit-learn", ("scikit-learn",)))
)
_SPLINE = Peer("glf_tf", "spline_worker.py", is_ours=True)
_SPLINES = tuple(
    Peer(name, "torch_splines_worker.py", (library,))
    for name, library in (("nflows", "nflows"), ("zuko's NSF, by couplings", "zuko"))
)
_VELOCITY = Peer("glf_tf", "flow_matching_worker.py", is_ours=True)
_VELOCITIES = tuple(
    Peer(name, "torch_flow_matching_worker.py", (variant,))
    for name, variant in (
        ("PyTorch, eager", "eager"),
        ("PyTorch, compiled", "compiled"),
        ("torchcfm's network, torchdyn", "torchdyn"),
        ("torchcfm's network, torchdiffeq", "torchdiffeq"),
    )
)
_TWO, _TWO_HALVES, _ONE = (
    Peer(name, "processes_worker.py", (count, size), is_ours=True)
    for name, count, size in (
        ("glf_tf, two workers of one core", "2", "256"),
        ("glf_tf, two workers of one core, half the batch each", "2", "128"),
        ("glf_tf, one worker of one core", "1", "256"),
    )
)


@dataclasses.dataclass(frozen=True)
class Case:
    """A case of the benchmark.

    Attributes:
        title: The table's caption.
        unit: The unit that is counted.
        peers: The other libraries.
        ours: This library.
    """

    title: str
    unit: str
    peers: tuple[Peer, ...] = ()
    ours: Peer = OURS

    @property
    def all(self) -> tuple[Peer, ...]:
        """All libraries, this one first."""
        return (self.ours, *self.peers)


_TORCH = (_EAGER, _CHANNELS_LAST, _COMPILED)
_GLOW = "Glow, 28 x 28 x 1, 2 levels of 8 steps, width 64, batch 128"
_LATENT_FLOW = "latent flow: 64 dimensions, 4 two-sided blocks, width 256"
_FLOW_MATCHING = "flow matching: 20 dimensions, 4 blocks of width 128, 48 velocities"
_SPLINE_FLOW = "spline flow: 20 dimensions, 5 couplings, width 128, batch 256"

CASES = {
    "matrix_products": Case("products of 2,048 x 2,048 float32 matrices", "products"),
    "train_mnist": Case(
        "training, GLF of the paper, 28 x 28 x 1, batch 256",
        "images",
        (*_TORCH, _PYTHAE),
    ),
    "train_cifar10": Case(
        "training, GLF of the paper, 32 x 32 x 3, batch 256",
        "images",
        (*_TORCH, _PYTHAE),
    ),
    "train_slides": Case(
        "training, GLF of the slides, 28 x 28 x 1, batch 64",
        "images",
        (_EAGER, _COMPILED),
    ),
    "train_gan": Case(
        "training, non-saturating GAN on InfoGAN's networks, 28 x 28 x 1, batch 64",
        "images",
        _GANS,
    ),
    "train_gan_bfloat16": Case(
        "training, the same GAN, its networks in bfloat16", "images", _GANS
    ),
    "table_4": Case(
        "training in bfloat16, 28 x 28 x 1, batch 64: GANs and autoencoders",
        "images, of the critic where there is one",
        _OF_TABLE_4[1:],
        ours=_OF_TABLE_4[0],
    ),
    "workers_cifar10": Case(
        "training, GLF of the paper, 32 x 32 x 3, batch 256 a worker",
        "images",
        (_TWO_HALVES, _ONE),
        ours=_TWO,
    ),
    "sample_mnist": Case(
        "sampling, GLF of the paper, 28 x 28 x 1, batch 256", "images", _TORCH
    ),
    "sample_cifar10": Case(
        "sampling, GLF of the paper, 32 x 32 x 3, batch 256", "images", _TORCH
    ),
    "sample_slides": Case(
        "sampling, GLF of the slides, batch 256", "images", (_EAGER, _COMPILED)
    ),
    "train_glow": Case(f"training, {_GLOW}", "images", _GLOWS),
    "sample_glow": Case(f"sampling, {_GLOW}", "images", _GLOWS),
    "recompute_glow": Case(f"training, {_GLOW}", "images", (_RECOMPUTED,)),
    "recompute_deep_glow": Case(
        f"training, {_GLOW.replace('8 steps', '32 steps')}", "images", (_RECOMPUTED,)
    ),
    **{
        f"{task}_{size}": Case(
            f"{words}, {_LATENT_FLOW}, batch {size:,}",
            "latents",
            (_OURS_XLA, *_FLOWS, _TORCH_FLOW),
        )
        for task, words in (("density", "density"), ("sample", "sampling"))
        for size in (64, 4096)
    },
    "train_spline": Case(f"training, {_SPLINE_FLOW}", "codes", _SPLINES, ours=_SPLINE),
    "density_spline": Case(f"density, {_SPLINE_FLOW}", "codes", _SPLINES, ours=_SPLINE),
    "sample_spline": Case(f"sampling, {_SPLINE_FLOW}", "codes", _SPLINES, ours=_SPLINE),
    "sample_flow_matching": Case(
        f"sampling, {_FLOW_MATCHING}, batch 256", "codes", _VELOCITIES, ours=_VELOCITY
    ),
    "density_flow_matching": Case(
        f"density, {_FLOW_MATCHING}, batch 256",
        "codes",
        _VELOCITIES[:2],
        ours=_VELOCITY,
    ),
    "fit_mixture": Case(
        "expectation maximisation, 50 components, 60,000 codes of 20 dimensions",
        "fits",
        (_SCIKIT_LEARN,),
        ours=_MIXTURE,
    ),
    "langevin_mnist": Case(
        "Langevin inference under a flow prior, 20 steps, 28 x 28 x 1, batch 100",
        "steps of an image",
        (_EAGER, _COMPILED),
    ),
    "evaluate_mnist": Case(
        "evaluation: 10,000 samples drawn, against 10,000 images, by the distance, KD, "
        "PRD, precision, recall, density and coverage; 128 features",
        "evaluations",
    ),
    "pipeline_mnist": Case(
        "input alone, 60,000 images of 28 x 28 x 1, shuffled, batch 256",
        "images",
        (_EAGER,),
    ),
    "start_training": Case(
        "from the start of the process to the first trained epoch of 22 steps, digits",
        "starts",
    ),
    "start_help": Case("tools/train.py --help", "starts"),
}
"""The cases by name."""
