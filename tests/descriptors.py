# SPDX-License-Identifier: Apache-2.0
"""Small instances of everything that makes a promise; the conformance suite runs on
all.

To put a new flow step, flow, network or model under test, add a line here.
"""

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from glf_tf import catalogue
from glf_tf.bijectors import (
    actnorm,
    batch_norm,
    coupling,
    glow_coupling,
    image_coupling,
    linear,
    masked_autoregressive,
    permutation,
    planar,
    preprocessing,
    spline_coupling,
    squeeze,
    standardize,
    transformer_autoregressive,
)
from glf_tf.data import image_set, vector_set
from glf_tf.flows import (
    gated_real_nvp,
    glow,
    glow_vector,
    inverse_autoregressive,
    multi_scale_real_nvp,
    neural_spline,
    real_nvp,
    tarflow,
)
from glf_tf.flows import (
    masked_autoregressive as masked_autoregressive_flow,
)

DIM = 5
"""Size of the vectors: odd, so that halves differ."""


def _coupling(**options):
    return functools.partial(coupling.Coupling, hidden=6, **options)


def _autoregressive(**options):
    return functools.partial(
        masked_autoregressive.MaskedAutoregressive, hidden=6, **options
    )


def _transformer(kind, **options):
    made = {"token_dim": 2, "hidden": 6, "depth": 1, "head_dim": 3}
    return functools.partial(kind, **made | options)


def _real_nvp(*, batch_norm=False, **options):
    return functools.partial(
        real_nvp.RealNVP, hidden=6, blocks=2, batch_norm=batch_norm, **options
    )


def _spline_coupling(**options):
    return functools.partial(
        spline_coupling.SplineCoupling, hidden=6, depth=1, bins=4, **options
    )


def _neural_spline(**options):
    made = {"hidden": 6, "depth": 1, "bins": 4, "blocks": 1}
    return functools.partial(neural_spline.NeuralSpline, **made | options)


def _image_coupling(**options):
    made = {"network": {"name": "glow", "hidden": 3}}
    return functools.partial(image_coupling.ImageCoupling, **made | options)


def _glow(**options):
    return functools.partial(glow.Glow, **{"hidden": 3, "blocks": 1} | options)


def _multi_scale(**options):
    made = {"hidden": 3, "depth": 1}
    return functools.partial(multi_scale_real_nvp.MultiScaleRealNVP, **made | options)


_IMAGE = (4, 4, 3)
"""The shape of images that flow steps are tried on: odd channels."""

SCALES = ("tanh", "stretched_tanh", "rescaled_tanh", "sigmoid", "exp", "none")

FLOW_STEPS: dict[str, Callable] = {
    "planar": planar.Planar,
    "coupling": _coupling(),
    "coupling_first": _coupling(transforms="first"),
    "coupling_sigmoid": _coupling(scale="sigmoid"),
    "coupling_shared": _coupling(shared=True),
    "coupling_batch_norm": _coupling(batch_norm=True),
    "actnorm": actnorm.ActNorm,
    "linear": functools.partial(linear.Linear, seed=3),
    "vector_glow_coupling": functools.partial(glow_coupling.GlowCoupling, hidden=6),
    "permutation": functools.partial(permutation.Permutation, seed=3),
    "standardize": standardize.Standardize,
    "spline_coupling": _spline_coupling(),
    "spline_coupling_first": _spline_coupling(transforms="first", unconditional=False),
    "neural_spline": _neural_spline(),
    "neural_spline_standardize": _neural_spline(
        mixing="permutation", normalization="standardize", dropout=0.5
    ),
    "autoregressive_step": _autoregressive(residual=True),
    "autoregressive_step_spline": _autoregressive(transform="spline", bins=4),
    "masked_autoregressive": functools.partial(
        masked_autoregressive_flow.MaskedAutoregressiveFlow, hidden=6, blocks=2
    ),
    "inverse_autoregressive": functools.partial(
        inverse_autoregressive.InverseAutoregressiveFlow,
        hidden=3,
        blocks=1,
        mixing="reversal",
        actnorm=False,
    ),
    "transformer_step": _transformer(
        transformer_autoregressive.TransformerAutoregressive, depth=2
    ),
    "tarflow": _transformer(tarflow.TarFlow, blocks=1),
    "tarflow_reversal": _transformer(
        tarflow.TarFlow, blocks=2, mixing="reversal", actnorm=False, dropout=0.5
    ),
    "glow_vector": functools.partial(glow_vector.GlowVector, hidden=6, blocks=2),
    "real_nvp": _real_nvp(),
    "real_nvp_batch_norm": _real_nvp(batch_norm=True),
    "real_nvp_shared": _real_nvp(conditioner="shared"),
    "real_nvp_one_sided": _real_nvp(sides="one_sided", scale="sigmoid"),
    "real_nvp_as_in_the_paper": _real_nvp(scale="exp", permute="couplings"),
    "image_actnorm": actnorm.ActNorm,
    "image_linear": functools.partial(linear.Linear, seed=3),
    "linear_plain": functools.partial(linear.Linear, parameters="plain", seed=3),
    "image_linear_plain": functools.partial(linear.Linear, parameters="plain", seed=3),
    "centre": preprocessing.Centre,
    "logit": functools.partial(preprocessing.Logit, alpha=0.01),
    **{
        f"squeeze_{order}": functools.partial(squeeze.Squeeze, order=order)
        for order in ("colour", "position", "checkerboard")
    },
    **{f"channels_{scale}": _image_coupling(scale=scale) for scale in SCALES},
    "channels_first": _image_coupling(transforms="first"),
    "checkerboard": _image_coupling(masking="checkerboard"),
    "checkerboard_first": _image_coupling(masking="checkerboard", transforms="first"),
    "channels_gated": _image_coupling(
        network={"name": "gated", "hidden": 3, "depth": 1}
    ),
    "channels_residual": _image_coupling(
        network={"name": "residual", "hidden": 3, "depth": 1}
    ),
    "checkerboard_mask": _image_coupling(masking="checkerboard", shows_mask=True),
    "channels_norm": batch_norm.BatchNormStep,
    "channels_norm_first": functools.partial(
        batch_norm.BatchNormStep, transforms="first"
    ),
    "checkerboard_norm": functools.partial(
        batch_norm.BatchNormStep, masking="checkerboard", averaging=0.5
    ),
    "image_reorder": squeeze.Reorder,
    "multi_scale_real_nvp": _multi_scale(),
    "multi_scale_real_nvp_bare": _multi_scale(
        levels=1, batch_norm=False, scale="tanh", scale_l2=0.1, recompute=True
    ),
    "gated_real_nvp": functools.partial(
        gated_real_nvp.GatedRealNVP, couplings=(1, 1, 2), hidden=(2, 3, 3), depth=1
    ),
    "glow": _glow(),
    "glow_additive": _glow(scale="none", learned_prior=False, order="checkerboard"),
    "glow_recompute": _glow(levels=1, recompute=True, linear="plain"),
}
"""Makers of flow steps, called with a shape of `event_shape` and `name`."""


CONDITIONAL = (
    *("autoregressive_step", "coupling", "glow_vector", "inverse_autoregressive"),
    *("masked_autoregressive", "neural_spline", "real_nvp", "spline_coupling"),
    *("tarflow", "transformer_step", "vector_glow_coupling"),
)
"""How names of flow steps begin that take a `condition_dim`."""


def event_shape(name: str) -> int | tuple[int, ...]:
    """Returns the shape of the examples of a flow step under test, or their size."""
    if name == "image_reorder":
        return (4, 4, 8)
    steps = ("image", "centre", "logit", "squeeze", "channels", "checkerboard")
    flows = ("multi_scale_real_nvp", "gated_real_nvp", "glow")
    is_of_images = name.startswith((*steps, *flows))
    return _IMAGE if is_of_images and not name.startswith("glow_vector") else DIM


@dataclasses.dataclass(frozen=True)
class Network:
    """A small network, and the image shapes that it takes."""

    spec: Mapping
    image_shapes: tuple[tuple[int, int, int], ...]


NETWORKS = {
    "infogan": Network(
        {"name": "infogan", "filters": 4, "hidden": 8}, ((8, 12, 1), (16, 16, 3))
    ),
    "mlp": Network({"name": "mlp", "hidden": (7, 6)}, ((3, 5, 1), (8, 8, 3))),
    "dcgan": Network(
        {"name": "dcgan", "filters": 4, "max_filters": 8}, ((8, 8, 1), (32, 32, 3))
    ),
    "egbad": Network(
        {"name": "egbad", "filters": 2, "hidden": 8}, ((8, 12, 1), (16, 16, 3))
    ),
    "ladder": Network(
        {"name": "ladder", "latent_dims": (3, 2), "filters": 4},
        ((10, 12, 1), (16, 16, 3)),
    ),
    "r3gan": Network(
        {"name": "r3gan", "widths": (8, 4), "group_size": 4, "blocks": 2},
        ((6, 4, 1), (8, 8, 3)),
    ),
    "top_down": Network(
        {"name": "top_down", "widths": (8, 6)}, ((8, 12, 1), (28, 28, 3))
    ),
}

# One block: its fifty operations are in every graph, and each costs its tracing. Chains
# of blocks are in FLOW_STEPS, and in the models whose flows say so.
_GLF = {
    "name": "glf",
    "procedure": "joint",
    "latent_dim": 4,
    "network": {"name": "mlp", "hidden": (12,)},
    "flow": {"name": "real_nvp", "hidden": 6, "blocks": 1, "batch_norm": False},
}

_VAE = {
    "name": "vae",
    "latent_dim": 4,
    "network": {"name": "mlp", "hidden": (12,)},
    "reconstruction": "bernoulli",
}

_WAE = {
    "latent_dim": 4,
    "network": {"name": "mlp", "hidden": (12,)},
    "reconstruction_weight": 1.0,
    "weight": 2.0,
}

_GLANN = {
    "name": "glann",
    "latent_dim": 4,
    "noise_dim": 3,
    "hidden": 6,
    "network": {"name": "mlp", "hidden": (12,)},
}

_RAE = {
    "name": "rae",
    "latent_dim": 4,
    "network": {"name": "mlp", "hidden": (12,)},
    "prior": {"name": "mixture", "components": 3},
}

_LFBM = {
    "latent_dim": 4,
    "network": {"name": "top_down", "widths": (6, 5)},
    "inference": {"name": "langevin", "steps": 3},
}

_GAN = {
    "name": "gan",
    "latent_dim": 4,
    "network": {"name": "mlp", "hidden": (12,)},
}

_GLOW_PRIOR = {
    "name": "flow",
    "flow": {"name": "glow_vector", "hidden": 6, "blocks": 2},
}

_GLOW = {"name": "glow", "hidden": 4, "blocks": 1}

FEATURES = pathlib.Path(__file__).parent / "data" / "features.keras"
"""A network with levels of 8x8 and 4x4, with normalisation by moving averages."""


def _layer(kind: str, *, module: str = "keras.layers", **config) -> dict:
    return {"module": module, "class_name": kind, "config": config}


_FROZEN = {"trainable": False}
_SAME, _HALVING = (
    {"kernel_size": 3, "padding": "same"},
    {"kernel_size": 2, "strides": 2},
)
# Not made by Keras: no device may be touched before a worker knows the others.
_FEATURE_LAYERS = {
    "name": "keras",
    "config": _layer(
        "Sequential",
        module="keras",
        name="seen",
        layers=[
            _layer("InputLayer", batch_shape=(None, 8, 8, 1), name="image"),
            _layer("Conv2D", name="first", filters=3, **_SAME, **_FROZEN),
            _layer("BatchNormalization", name="norm", **_FROZEN),
            _layer("Conv2D", name="second", filters=4, **_HALVING, **_FROZEN),
        ],
        **_FROZEN,
    ),
}
"""A user's Keras model, as `foreign.specification` describes it."""

MODELS: dict[str, Mapping] = {
    "glf": _GLF,
    "glf_convolutional": {
        **_GLF,
        "network": {"name": "infogan", "filters": 4, "hidden": 8},
        "flow": {**_GLF["flow"], "batch_norm": True},
    },
    "glf_two_stage": {**_GLF, "procedure": "two_stage", "noise": "student_t"},
    "glf_closing": {**_GLF, "procedure": "closing", "components": 3},
    "glf_labels": {
        **_GLF,
        "procedure": "two_stage",
        "flow": {
            "name": "tarflow",
            "blocks": 1,
            "hidden": 4,
            "head_dim": 2,
            "token_dim": 2,
        },
        "num_classes": 10,
        "smoothing": 0.1,
        "label_dropout": 0.3,
        "guidance": 2.0,
    },
    "glf_bernoulli": {**_GLF, "reconstruction": "bernoulli"},
    "glf_perceptual": {
        **_GLF,
        "reconstruction": {"name": "perceptual", "weights": "random", "levels": 2},
    },
    "glf_network_perceptual": {
        **_GLF,
        "reconstruction": {
            "name": "perceptual",
            "network": str(FEATURES),
            "inputs": "unit",
            "normalize": "levels",
            "reduction": "mean",
        },
    },
    "glf_patch_adversarial": {
        **_GLF,
        "beta": 2.0,
        "reconstruction": {
            "name": "patch_adversarial",
            "widths": (3, 4),
            "spectral": True,
        },
    },
    "glf_regularized": {
        **_GLF,
        "stop_gradient": False,
        "beta": 10.0,
        "flow": {**_GLF["flow"], "blocks": 2},
    },
    "glf_slides": {
        **_GLF,
        "flow": {
            **_GLF["flow"],
            "blocks": 2,
            "sides": "one_sided",
            "scale": "sigmoid",
        },
    },
    "vae": _VAE,
    "vae_gaussian": {
        **_VAE,
        "reconstruction": {"name": "gaussian", "variance": 0.1, "learned": True},
    },
    "vae_critic_features": {
        **_VAE,
        "reconstruction": {
            "name": "critic_features",
            "widths": (3, 4),
            "weight": 0.5,
            "noise": 0.1,
        },
    },
    "vae_flow_posterior": {**_VAE, "name": "vae_flow_posterior", "flows": 3},
    "vae_flow_posterior_shared": {
        **_VAE,
        "name": "vae_flow_posterior",
        "flows": 2,
        "amortized": False,
        "warm_up": "joint",
        "warm_up_steps": 10,
    },
    "vae_flow_prior": {
        **_VAE,
        "name": "vae_flow_prior",
        "flow": _GLF["flow"],
        "noise": {"name": "learned_mixture", "components": 3},
    },
    "vae_vamp_prior": {**_VAE, "name": "vae_vamp_prior", "components": 5},
    "wae_mmd": {**_WAE, "name": "wae_mmd"},
    "wae_mmd_convolutional": {
        **_WAE,
        "name": "wae_mmd",
        "network": {"name": "infogan", "filters": 4, "hidden": 8},
        "prior_scale": 1.4,
        "input_noise": 0.01,
        "pretrain": False,
    },
    "wae_gan": {**_WAE, "name": "wae_gan", "critic_width": 8, "critic_depth": 2},
    "wae_gan_prior_trick": {
        **_WAE,
        "name": "wae_gan",
        "prior_scale": 1.4,
        "prior_trick": True,
        "critic_width": 8,
        "pretrain": False,
    },
    "began": {**_GAN, "name": "began", "critic_dim": 3},
    "began_convolutional": {
        **_GAN,
        "name": "began",
        "critic_dim": 3,
        "network": {"name": "infogan", "filters": 4, "hidden": 8},
        "clip_balance": False,
        "balance_rate": 0.1,
        "disc_iters": 2,
    },
    "gan": {**_GAN, "loss": "hinge"},
    "gan_convolutional": {
        **_GAN,
        "network": {"name": "infogan", "filters": 4, "hidden": 8, "slope": 0.2},
        "loss": "least_squares",
        "on_probability": True,
        "noise": "uniform",
        "shared_noise": True,
        "critic_norm": "batch",
    },
    "gan_clipped": {**_GAN, "loss": "wasserstein", "clip": 0.1, "disc_iters": 3},
    "gan_interpolated": {
        **_GAN,
        "loss": "wasserstein",
        "penalty": "interpolated",
        "network": {"name": "infogan", "filters": 4, "hidden": 8},
    },
    "gan_perturbed": {**_GAN, "penalty": "perturbed", "on_probability": True},
    "gan_spectral": {
        **_GAN,
        "network": {"name": "dcgan", "filters": 4, "max_filters": 8},
        "critic_norm": "spectral",
        "critic_deviation": True,
    },
    "gan_relativistic": {
        **_GAN,
        "network": {"name": "r3gan", "widths": (6, 4), "group_size": 4},
        "loss": "relativistic",
        "penalty": "zero_centred",
        "penalty_weight": 1.0,
    },
    "bigan": {
        "name": "bigan",
        "latent_dim": 4,
        "network": {"name": "mlp", "hidden": (6,)},
        "critic": {"name": "mlp", "hidden": (3,)},
        "critic_code_width": 5,
        "critic_width": 6,
    },
    "meg": {
        **_GAN,
        "name": "meg",
        "estimator_filters": (2,),
        "estimator_width": 5,
        "penalty_weight": 1.0,
        "disc_iters": 2,
    },
    "ebm_vae": {
        "name": "ebm_vae",
        "latent_dim": 4,
        "network": {"name": "mlp", "hidden": (6,)},
        "critic_filters": (2, 3),
        "critic_code_width": 5,
        "critic_width": 6,
    },
    "glann": _GLANN,
    "glann_convolutional": {
        **_GLANN,
        "network": {"name": "infogan", "filters": 4, "hidden": 8},
    },
    "rae": _RAE,
    "rae_normal": {
        **_RAE,
        "prior": "normal",
        "regularization": "l2",
        "regularization_weight": 1e-2,
    },
    "rae_flow": {
        **_RAE,
        "network": {"name": "infogan", "filters": 4, "hidden": 8},
        "prior": {"name": "flow", "flow": _GLF["flow"], "components": 2},
        "regularization": "gradient_penalty",
        "regularization_weight": 1e-2,
    },
    "rae_layer_perceptual": {
        **_RAE,
        "prior": "standard_normal",
        "reconstruction": {
            "name": "perceptual",
            "network": _FEATURE_LAYERS,
            "inputs": "symmetric",
            "normalize": "channels",
            "reduction": "mean",
        },
    },
    "rae_patch_adversarial": {
        **_RAE,
        "network": {"name": "infogan", "filters": 4, "hidden": 8},
        "reconstruction": {
            "name": "patch_adversarial",
            "error": {"name": "learned_gaussian", "variance": 0.2},
            "features": 1.0,
            "widths": (3,),
        },
    },
    "rae_spectral": {
        **_RAE,
        "prior": "standard_normal",
        "regularization": "spectral_norm",
        "latent_weight": 0.0,
    },
    "two_stage_vae": {
        "name": "two_stage_vae",
        "latent_dim": 4,
        "network": {"name": "mlp", "hidden": (12,)},
        "second_width": 8,
        "second_depth": 2,
    },
    "lfbm": {**_LFBM, "name": "lfbm", "prior": _GLOW_PRIOR},
    "lfbm_from_prior": {
        **_LFBM,
        "name": "lfbm",
        "prior": {"name": "flow", "flow": _GLF["flow"]},
        "inference": {"name": "langevin", "steps": 3, "adjusted": True},
        "start": "prior",
    },
    "lfbm_labels": {
        **_LFBM,
        "name": "lfbm",
        "prior": {"name": "flow", "flow": _GLF["flow"]},
        "start": "prior",
        "num_classes": 10,
    },
    "lfbm_vae": {
        "name": "lfbm_vae",
        "latent_dim": 4,
        "network": {"name": "top_down", "widths": (6, 5)},
        "prior": _GLOW_PRIOR,
    },
    "abp": {
        **_LFBM,
        "name": "abp",
        "inference": {"name": "langevin", "steps": 3, "noise": False},
    },
    "sri": {
        **_LFBM,
        "name": "sri",
        "inference": {"name": "langevin", "steps": 3, "decay": 0.1},
    },
    "lebm": {
        **_LFBM,
        "name": "lebm",
        "energy_hidden": 6,
        "prior_steps": 3,
    },
    "glf_sharpened": {
        **_GLF,
        "procedure": "closing",
        "components": 0,
        "sharpen": {"name": "adversarial", "widths": (3, 4)},
    },
    "image_flow": {"name": "image_flow", "flow": _GLOW},
    "image_flow_real_nvp": {
        "name": "image_flow",
        "flow": {"name": "multi_scale_real_nvp", "hidden": 3, "depth": 1, "levels": 1},
    },
    "image_flow_variational": {
        "name": "image_flow",
        "flow": {**_GLOW, "levels": 1, "scale": "sigmoid"},
        "bits": 5,
        "preprocessing": "logit",
        "dequantization": "variational",
        "dequantization_hidden": 3,
    },
    "image_flow_labels": {
        "name": "image_flow",
        "flow": _GLOW,
        "num_classes": 10,
        "label_weight": 0.01,
    },
}
"""Specifications of models."""

_NOISY = (
    *("began", "bigan", "ebm_vae", "gan", "image_flow", "meg", "vae", "wae"),
    "two_stage",
)

WITH_NOISE = {"lebm", "lfbm", "lfbm_from_prior", "lfbm_labels", "lfbm_vae", "sri"} | {
    name for name in MODELS if name.startswith(_NOISY)
}
"""Models whose terms draw numbers, of which each replica has its own."""

FAMILIES = (
    *("gan_clipped", "gan_convolutional", "gan_interpolated", "gan_relativistic"),
    *("began_convolutional", "bigan", "ebm_vae", "gan_spectral", "meg"),
    *("abp", "glann", "glf_convolutional", "glf_perceptual", "glf_sharpened"),
    *("glf_network_perceptual", "rae_layer_perceptual"),
    *("glf_patch_adversarial", "rae_patch_adversarial", "vae_critic_features"),
    *("glf_two_stage", "image_flow_variational", "lebm"),
    *("lfbm_from_prior", "lfbm_vae", "rae", "rae_flow", "rae_spectral", "sri"),
    *("two_stage_vae", "vae_flow_posterior", "vae_flow_prior", "vae_gaussian"),
    *("vae_vamp_prior",),
    *("wae_gan", "wae_mmd_convolutional"),
)
"""One or more of each system: what it costs much to try is tried of these."""

STEEP = {"glf_closing"}
"""Models whose figures the last bits of their codes decide, which devices that share a
batch round in another order: a mixture that starts from k-means of few random codes."""

MASKS: dict[str, Mapping] = {
    "square": {"name": "square", "size": 3},
    "square_random": {"name": "square", "size": 3, "place": "random"},
    "half": {"name": "half", "side": "top"},
    "salt_and_pepper": {"name": "salt_and_pepper", "share": 0.3},
}
"""Specifications of masks; `picture` takes a file."""

_FLOW_MATCHING = {
    "name": "flow_matching",
    "hidden": 6,
    "depth": 1,
    "embedding": 4,
    "steps": 8,
}

PRIORS: dict[str, Mapping] = {
    "standard_normal": {"name": "standard_normal"},
    "scaled_normal": {"name": "scaled_normal", "scale": 1.7},
    "normal": {"name": "normal"},
    "mixture": {"name": "mixture", "components": 3},
    "flow": {"name": "flow", "flow": {**_GLF["flow"]}},
    "flow_with_noise": {"name": "flow", "flow": {**_GLF["flow"]}, "components": 2},
    "flow_with_learned_noise": {
        "name": "flow",
        "flow": {**_GLF["flow"]},
        "noise": {"name": "learned_mixture", "components": 2},
    },
    "flow_smoothed": {
        "name": "flow",
        "flow": {**_GLF["flow"]},
        "smoothing": 0.1,
        "denoising": False,
    },
    "flow_with_student_t": {
        "name": "flow",
        "flow": {**_GLF["flow"]},
        "noise": {"name": "student_t", "df": 20.0},
    },
    "flow_matching": _FLOW_MATCHING,
    "learned_mixture": {"name": "learned_mixture", "components": 3},
    "student_t": {"name": "student_t", "df": 8.0},
}
"""Specifications of priors."""

_FLOW_OF_LABELS = {
    "name": "flow",
    "flow": {"name": "real_nvp", "blocks": 1, "hidden": 6, "batch_norm": False},
}

LABELLED_PRIORS: dict[str, Mapping] = {
    "labelled_mixture": {"name": "labelled_mixture", "components": 2},
    "flow_of_labelled_mixtures": {
        **_FLOW_OF_LABELS,
        "noise": {"name": "labelled_mixture", "components": 2},
    },
    "labelled_normal": {"name": "labelled_normal"},
    "flow": _FLOW_OF_LABELS,
    "flow_matching": {**_FLOW_MATCHING, "label_dropout": 0.3},
    "flow_of_labelled_noise": {**_FLOW_OF_LABELS, "noise": "labelled_normal"},
    "flow_of_fitted_noise": {**_FLOW_OF_LABELS, "components": 2},
    "flow_of_dropped_labels": {
        "name": "flow",
        "flow": {
            "name": "tarflow",
            "blocks": 2,
            "depth": 1,
            "hidden": 4,
            "head_dim": 2,
            "token_dim": 1,
        },
        "label_dropout": 0.3,
    },
}
"""Specifications of priors that are made with a `num_classes`."""

DENSITIES: dict[str, Mapping] = {
    "flow": {"prior": PRIORS["flow"]},
    "flow_as_it_is": {"prior": PRIORS["flow"], "standardize": False},
    "flow_with_noise": {"prior": PRIORS["flow_with_noise"]},
    "flow_matching": {"prior": PRIORS["flow_matching"]},
    "neural_spline": {
        "prior": {
            "name": "flow",
            "flow": {"name": "neural_spline", "hidden": 6, "depth": 1, "blocks": 1},
        }
    },
    "mixture": {"prior": PRIORS["mixture"]},
    "standard_normal": {"prior": PRIORS["standard_normal"]},
    "flow_of_labels": {"prior": _FLOW_OF_LABELS, "num_classes": 3},
    "labelled_mixture": {
        "prior": {"name": "labelled_mixture", "components": 2},
        "num_classes": 3,
    },
}
"""Options of densities of vectors."""

SAMPLERS: dict[str, Mapping] = {
    "langevin": {"name": "langevin", "steps": 60, "step_size": 0.5},
    "langevin_adjusted": {
        "name": "langevin",
        "steps": 60,
        "step_size": 0.9,
        "adjusted": True,
    },
    "langevin_ascent": {
        "name": "langevin",
        "steps": 60,
        "step_size": 0.7,
        "noise": False,
    },
}
"""Specifications of samplers."""

RECONSTRUCTIONS: dict[str, Mapping] = {
    "squared_error": {"name": "squared_error"},
    "bernoulli": {"name": "bernoulli"},
    "gaussian": {"name": "gaussian", "variance": 0.1},
    "learned_gaussian": {"name": "learned_gaussian", "variance": 0.2},
    "signed_gaussian": {"name": "signed_gaussian", "sigma": 0.4},
    "perceptual": {"name": "perceptual", "weights": "random", "levels": 1},
    "network_perceptual": MODELS["glf_network_perceptual"]["reconstruction"],
    "layer_perceptual": MODELS["rae_layer_perceptual"]["reconstruction"],
    "critic_features": {"name": "critic_features", "widths": (3, 4), "noise": 0.1},
    "patch_adversarial": {
        "name": "patch_adversarial",
        "error": "bernoulli",
        "features": 2.0,
        "widths": (3, 4),
        "start": 5,
    },
}
"""Specifications of reconstruction terms."""

IMAGE_SHAPE = (8, 8, 1)


def model(name: str):
    """Returns a new model, with weights moved off their start."""
    made = catalogue.build("model", MODELS[name], **arguments(name))
    # The many steps of a flow on images would amplify roundings.
    perturb(made, scale=0.05 if name.startswith("image_flow") else 0.3)
    return made


def update(model, name: str):
    """Returns the update of a model that has this name, of whichever stage."""
    return {item.name: item for stage in model.stages() for item in stage.updates}[name]


def arguments(name: str) -> dict:
    """Returns what the data decide of a model's constructor."""
    kind = catalogue.load("model", catalogue.name_of(MODELS[name]))
    return kind.arguments_of(images())


def perturb(layer, *, scale: float = 0.3, seed: int = 0) -> None:
    """Moves trainable weights off their start: flows start near the identity."""
    generator = np.random.default_rng(seed)
    for variable in layer.trainable_variables:
        noise = generator.normal(size=variable.shape)
        variable.assign(variable + tf.cast(scale * noise, variable.dtype))


def images(count: int = 48, *, seed: int = 0) -> image_set.ImageSet:
    """Returns a small labelled set of random images."""
    generator = np.random.default_rng(seed)
    shape = (count, *IMAGE_SHAPE)
    return image_set.ImageSet(
        name="random",
        split="train",
        images=generator.integers(0, 256, shape, dtype=np.uint8),
        labels=generator.integers(0, 10, count),
        source="generator",
    )


def vectors(count: int = 48, *, dim: int = 3, seed: int = 0) -> vector_set.VectorSet:
    """Returns a small labelled set of random vectors, of a scale of its own."""
    generator = np.random.default_rng(seed)
    scale, mean = generator.uniform(0.5, 20.0, dim), generator.normal(0.0, 9.0, dim)
    drawn = scale * generator.normal(size=(count, dim)) + mean
    return vector_set.VectorSet(
        name="random",
        split="train",
        vectors=drawn.astype(np.float32),
        labels=generator.integers(0, 3, count),
        source="generator",
    )


def batch(count: int = 6, *, seed: int = 0) -> dict[str, tf.Tensor]:
    """Returns a batch of random images."""
    drawn = images(count, seed=seed)
    return {
        "image": tf.constant(drawn.images, tf.float32) / 255.0,
        "index": tf.range(count, dtype=tf.int64),
        "label": tf.constant(drawn.labels),
    }


DESCRIPTION: Mapping = {
    "dataset": "digits",
    "model": {"name": "glf", **_GLF},
    "arguments": {"image_shape": [8, 8, 1]},
    "batch_size": 8,
    "seed": 0,
}
"""What run.json says at least."""
