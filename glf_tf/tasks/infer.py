# SPDX-License-Identifier: Apache-2.0
"""Infers latents of images by an encoder, or by Markov chains for hidden pixels.

Xie, Zhu, Xu, Li, Li: A Tale of Two Latent Flows: Learning Latent Space Normalizing Flow
with Short-run Langevin Flow for Approximate Inference, 2023, section 4 (applications of
inferred latents). https://arxiv.org/abs/2301.09300
"""

__all__ = ["Inference", "STARTS", "as_latent_model", "to_unit"]

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
import tensorflow as tf

from glf_tf import errors, parts, progress, seeds, types
from glf_tf.inference import sampler
from glf_tf.models import chains, codes, inputs
from glf_tf.models import model as model_lib

CHUNK = 500
"""Batch size."""

STARTS = ("auto", "encoder", "normal", "prior")
"""Where chains start: at the encoder's latents, draws of N(0, I), or draws of the
prior; with an encoder, "auto" is its latents for complete images and the prior for
images with hidden pixels; otherwise the start of chains in training.
"""


class Inference:
    """Inference of the latents of images.

    A model with an encoder uses it alone, unless pixels are hidden or chains are
    requested; otherwise latents are the ends of chains towards p(z | x).

    Attributes:
        model: The model.
        is_set: Whether chains, or their start, are requested.
    """

    def __init__(
        self,
        model: model_lib.GenerativeModel,
        *,
        chain: sampler.AbstractSampler | None = None,
        start: Literal["auto", "encoder", "normal", "prior"] = "auto",
    ):
        """Initializes the inference.

        Args:
            model: The model.
            chain: The sampler; None for the model's own.
            start: Where chains start; one of `STARTS`.

        Raises:
            Unsupported: The model has no density of images and latents, or no encoder
                to start from.
        """
        self.is_set = chain is not None or start != "auto"
        self._encoder = model if isinstance(model, codes.EncodesImages) else None
        if self.is_set or self._encoder is None:
            as_latent_model(model)
        self.model = model
        if start == "encoder" and self._encoder is None:
            raise errors.Unsupported(
                "Only models with an encoder can start chains at its latents",
                received=f"start=encoder for {type(model).__name__}",
                do="Use --start=normal or --start=prior",
            )
        self._chain, self._start = chain, start
        if chain is None and isinstance(model, chains.InfersLatents):
            self._chain = model.sampler
        self._traced: dict[tuple[str, ...], Callable] = {}

    @property
    def description(self) -> str:
        """A description of the inference for complete images."""
        if self._uses_encoder(masks=None, start=None):
            return "encoder"
        options = ", ".join(
            f"{key}={value}" for key, value in parts.arguments_of(self._chain).items()
        )
        return f"{type(self._chain).__name__}({options}), start={self._start}"

    def latents(
        self,
        images: np.ndarray,
        masks: np.ndarray | None = None,
        *,
        seed: types.Seed = 0,
        start: np.ndarray | None = None,
    ) -> np.ndarray:
        """Returns the latents of images, `[size, latent_dim]`.

        Args:
            images: `[size, height, width, channels]`, uint8 or floats in [0, 1].
            masks: `[size, height, width, 1]`, 1 for visible pixels; None if all are
                visible.
            seed: A stateless seed of the chains; each batch of 500 images folds it.
            start: Latents `[size, latent_dim]` at which chains start instead.

        Raises:
            InvalidValue: Images or masks have another shape than the model's, or
                visible pixels are outside of [0, 1].
            Unsupported: There are masks, and the model's reconstruction term is not a
                sum over pixels.
            Diverged: A chain diverged.
        """
        self._check(images)
        for name, tensor in (("masks", masks), ("starts", start)):
            if tensor is not None:
                inputs.same_batch(images=images, **{name: tensor})
        if masks is not None or start is not None:
            as_latent_model(self.model)
        find = self._encoded if self._uses_encoder(masks, start) else self._checked
        given = {"mask": masks, "start": start}
        given = {name: tensor for name, tensor in given.items() if tensor is not None}
        found = []
        with progress.bar("infer latents", total=len(images), unit="image") as bar:
            for number, first in enumerate(range(0, len(images), CHUNK)):
                part = slice(first, first + CHUNK)
                asked = {name: tensor[part] for name, tensor in given.items()}
                seen = inputs.images(
                    to_unit(images[part]),
                    shape=self.model.image_shape,
                    mask=asked.get("mask"),
                )
                asked |= {"image": seen, "seed": seeds.fold(seed, number)}
                found.append(find(asked))
                bar.update(len(seen))
        return np.concatenate(found)

    def decode(self, z: np.ndarray) -> np.ndarray:
        """Returns the images of latents, float32 `[size, height, width, channels]`."""
        starts = range(0, len(z), CHUNK)
        return np.concatenate(
            [
                self.call(self._decoded, {"start": z[start : start + CHUNK]})
                for start in starts
            ]
        )

    def call(self, function: Callable, asked: Mapping[str, np.ndarray]) -> tf.Tensor:
        """Calls a function of tensors in the graph, traced once for all batch sizes.

        Args:
            function: A function of `asked`.
            asked: Some of `image`, `mask`, `start` (latents) and `seed`.
        """
        height, width, _ = self.model.image_shape
        dtype = self.model.prior.compute_dtype
        specs = {
            "image": tf.TensorSpec([None, *self.model.image_shape], tf.float32),
            "mask": tf.TensorSpec([None, height, width, 1], tf.float32),
            "start": tf.TensorSpec([None, self.model.latent_dim], dtype),
            "seed": tf.TensorSpec([2], tf.int32),
        }
        key = (function.__name__, *sorted(asked))
        if key not in self._traced:
            # AutoGraph would hide errors that tell the user what to do.
            traced = tf.function(function, autograph=False)
            chosen = {name: specs[name] for name in asked}
            self._traced[key] = traced.get_concrete_function(chosen)
        return self._traced[key](
            {name: tf.cast(tensor, specs[name].dtype) for name, tensor in asked.items()}
        )

    def reconstruct(
        self,
        images: np.ndarray,
        masks: np.ndarray | None = None,
        *,
        seed: types.Seed = 0,
        start: np.ndarray | None = None,
    ) -> np.ndarray:
        """Returns decoded latents `[size, height, width, channels]`; see `latents`."""
        return self.decode(self.latents(images, masks, seed=seed, start=start))

    def _uses_encoder(self, masks: np.ndarray | None, start: np.ndarray | None) -> bool:
        is_plain = masks is None and start is None and not self.is_set
        return is_plain and self._encoder is not None

    def _encoded(self, asked: Mapping[str, np.ndarray]) -> tf.Tensor:
        return self.call(self._codes, {"image": asked["image"]})

    def _checked(self, asked: Mapping[str, np.ndarray]) -> tf.Tensor:
        chains = self.call(self._chains, asked)
        return sampler.check(chains, advice=self._chain.advice).z

    def _codes(self, asked: types.Batch) -> tf.Tensor:
        return self._encoder.encode(asked["image"])

    def _decoded(self, asked: types.Batch) -> tf.Tensor:
        return self.model.decode(asked["start"])

    def _chains(self, asked: types.Batch) -> sampler.Chains:
        image, mask, start = (asked.get(name) for name in ("image", "mask", "start"))
        if start is None:
            start = self._start_of(image, mask, seed=asked["seed"])
        return self.model.infer_latents(
            image, mask, seed=asked["seed"], start=start, chain=self._chain
        )

    def _start_of(
        self, image: tf.Tensor, mask: tf.Tensor | None, *, seed: tf.Tensor
    ) -> chains.Start | None:
        """Returns where chains start; None for the model's default."""
        if self._start in ("normal", "prior"):
            return self._start
        if self._encoder is None:
            return None
        if self._start == "encoder":
            return self._encoder.encode(image if mask is None else mask * image)
        return self._encoder.first_latents(image, mask, seed=seed)

    def _check(self, images: np.ndarray) -> None:
        if tuple(images.shape[1:]) != self.model.image_shape:
            raise errors.InvalidValue(
                "Images must have the shape of the model's images",
                received=f"{tuple(images.shape[1:])} for {self.model.image_shape}",
                do="Resize them, or use a model of such images",
            )


def as_latent_model(model: model_lib.GenerativeModel) -> chains.InfersLatents:
    """Returns the model, if it draws latents from a density and decodes them.

    Raises:
        Unsupported: The model does not.
    """
    if not isinstance(model, chains.InfersLatents):
        raise errors.Unsupported(
            "Inference needs a model that decodes draws of a density",
            received=type(model).__name__,
            do="Use a model with an encoder, such as glf, or with chains, such as lfbm",
        )
    return model


def to_unit(images: np.ndarray) -> np.ndarray:
    """Returns images as float32 in [0, 1], from uint8 or floats in [0, 1]."""
    scale = 255.0 if images.dtype == np.uint8 else 1.0
    return np.asarray(images, np.float32) / np.float32(scale)
