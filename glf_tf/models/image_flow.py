# SPDX-License-Identifier: Apache-2.0
"""A normalizing flow on images themselves: an exact likelihood, in bits per dimension.

Dinh, Sohl-Dickstein, Bengio: Density estimation using Real NVP, 2016.
https://arxiv.org/abs/1605.08803
Kingma, Dhariwal: Glow: Generative Flow with Invertible 1x1 Convolutions, 2018.
https://arxiv.org/abs/1807.03039
"""

__all__ = ["ImageFlow"]

import math
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from glf_tf import checks, seeds, types
from glf_tf.data import image_set
from glf_tf.flows import flow as flow_lib
from glf_tf.layers import never_empty
from glf_tf.models import (
    chains,
    codes,
    image_labels,
    image_levels,
    inputs,
    label_inputs,
    model,
    noises,
    numeric_inputs,
    signatures,
)
from glf_tf.priors import prior as prior_lib
from glf_tf.training import stages

VISIBLE_SIGMA = 0.1
"""Deviation of visible pixels, of numbers in [0, 1], from those of a chain's image."""

_STARTING_IMAGES = 256
"""As many images as Glow's code starts the scales from."""


@keras.saving.register_keras_serializable(package="glf_tf")
class ImageFlow(
    image_levels.HasLevels,
    image_labels.HasLabels,
    codes.EncodesImages,
    noises.DecodesNoise,
    chains.InfersLatents,
    model.GenerativeModel,
):
    """A flow between flat noise and images of `2^bits` levels.

        loss = mean(-log p(x)) / (D log 2) + bits,   x = (level + u) / 2^bits

    with `D` numbers an image, `u` from the dequantisation, and the density of x by the
    change of variables through `preprocessing` and the flow. It is an upper bound of
    the bits that each number takes to encode losslessly.

    Latents are the noise of all levels, in one vector of `D` numbers: an image is got
    back from them up to rounding. With `num_classes` their density depends on the
    image's label y, and they themselves do not:

        p(x) = mean over y of p(x | y),   p(y | x) = p(x | y) / (num_classes p(x))

    See `priors.labelled_normal`.

    Args:
        image_shape: (height, width, channels).
        flow: The flow, one on images such as glow.
        bits: Bits that images are reduced to, 1 to 8; figures of other bits are not
            comparable.
        preprocessing: "logit" maps to logits, as RealNVP does; "centre" subtracts 1/2,
            as Glow does.
        alpha: How far from 0 and 1 the logits' arguments stay: little where most pixels
            are black, as in MNIST; RealNVP has 0.05 for photographs.
        dequantization: "uniform" noise, or "variational", whose density is learned with
            the flow, given the image.
        dequantization_hidden: Width of the variational noise's networks.
        num_classes: Number of labels, 0 to `num_classes - 1`, that the model is
            conditional on; 0 for a model without labels.
        label_weight: Weight, beside the bits of a number, of the bits of an image's
            label given the image. Glow has 0.01, for those of a linear classifier.
    """

    log_prob_meaning = "log-probability of the images, of 8 bits"

    def __init__(
        self,
        image_shape: types.ImageShape,
        *,
        flow: types.Flow = "glow",
        bits: int = 8,
        preprocessing: image_levels.Preprocessing = "logit",
        alpha: float = 1e-5,
        dequantization: image_levels.Dequantization = "uniform",
        dequantization_hidden: int = 16,
        num_classes: int = 0,
        label_weight: float = 0.0,
        name: str | None = "image_flow",
    ):
        super().__init__(image_shape, name=name)
        self.latent_dim = math.prod(self.image_shape)
        self.flow = flow_lib.make(flow, event_shape=self.image_shape)
        self._set_levels(
            bits,
            preprocessing=preprocessing,
            alpha=alpha,
            dequantization=dequantization,
            dequantization_hidden=dequantization_hidden,
        )
        self.num_classes = checks.at_least("num_classes", num_classes, 0)
        self._label_weight = image_labels.checked_weight(
            label_weight, num_classes=num_classes
        )
        self._prior = image_labels.prior_of(self.flow, num_classes=num_classes)
        self.built = True

    @property
    def prior(self) -> prior_lib.AbstractPrior:
        """The density of the latents: N(0, I), or a `LabelledNormalPrior`."""
        return self._prior

    def stages(self) -> tuple[stages.Stage, ...]:
        """Returns the stage "flow", which starts the flow's scales from images."""
        layers = (self.flow, self.dequantization, self._prior)
        weights = {"bits_per_dim": 1.0}
        if self._is_regularized():
            weights["regularization"] = 1.0
        if self.num_classes:
            weights |= {"label_bits": self._label_weight, "label_error": 0.0}
        stage = stages.Stage.of(
            "flow",
            stages.Group("flow", layers=layers),
            terms=self._terms,
            weights=weights,
            prepare=self._start,
        )
        return (stage,)

    def _start(self, data: image_set.ImageSet) -> None:
        """Sets what starts from data by images drawn from all of the training set."""
        size = min(len(data), _STARTING_IMAGES)
        chosen = np.random.default_rng(0).choice(len(data), size, replace=False)
        image = tf.constant(data.images[np.sort(chosen)], tf.float32) / 255.0
        x, _ = self._dequantized(image, seed=seeds.make(0))
        self.flow.start(self.preprocessing.bijector().inverse(x))

    def _terms(
        self, batch: types.Batch, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        """Returns the terms of images, of the flow's weights and of labels, `[batch]`.

        "bits_per_dim"; "regularization", if weights have costs; "label_bits" and
        "label_error", if there are labels.
        """
        noisy = self._latents(batch["image"], seed=seed, training=training)
        label = batch["label"] if self.num_classes else None
        log_prob = self._log_prob_of(noisy, label=label)
        terms = {"bits_per_dim": -log_prob / (self.latent_dim * math.log(2.0))}
        if self._is_regularized():
            cost = tf.add_n(self.flow.losses)
            terms["regularization"] = tf.broadcast_to(cost, tf.shape(log_prob))
        return terms | ({} if label is None else self._label_terms(noisy.z, label))

    def _is_regularized(self) -> bool:
        return any(each.regularizer for each in self.flow.trainable_variables)

    def log_prob(
        self,
        image: tf.Tensor,
        *,
        label: tf.Tensor | int | None = None,
        seed: types.Seed = 0,
        num_draws: int = 1,
    ) -> tf.Tensor:
        """Returns a lower bound of images' log-probabilities in nats, `[batch]`.

        Bits per dimension are `-log_prob / (latent_dim * log(2))`.

        Args:
            image: `[batch, height, width, channels]` in [0, 1], multiples of 1/255.
            label: Labels `[batch]`, or one of all, that a conditional model is given;
                by default it is the probability whatever the label is.
            seed: A stateless seed of the dequantisation.
            num_draws: Number of draws of its noise an image: more make the bound
                tighter, as the logarithm is of their mean.

        Raises:
            InvalidType: The images are not floats, or labels no whole numbers.
            InvalidValue: They have another shape than the model's, values outside of
                [0, 1], or values that are no multiples of 1/255; or labels are out of
                range, or others in number than the images.
            Unsupported: There are labels, and the model takes none.
        """
        image = inputs.levels(inputs.images(image, shape=self.image_shape))
        num_draws = numeric_inputs.draws(num_draws)
        if label is not None:
            known, count = self.num_classes, tf.shape(image)[0]
            label = label_inputs.labels(label, num_classes=known, count=count)
        drawn = [
            self._log_prob(image, label=label, seed=seeds.fold(seed, draw))
            for draw in range(num_draws)
        ]
        return tf.reduce_logsumexp(drawn, axis=0) - math.log(num_draws)

    def _log_prob(
        self, image: tf.Tensor, *, seed: tf.Tensor, label: tf.Tensor | None = None
    ) -> tf.Tensor:
        return self._log_prob_of(self._latents(image, seed=seed), label=label)

    def _log_prob_of(self, noisy: "_Noisy", *, label: tf.Tensor | None) -> tf.Tensor:
        given = {} if label is None else {"label": label}
        in_levels = self.latent_dim * self.bits * math.log(2.0)
        log_prob = self._prior.log_prob(noisy.z, **given)
        return log_prob + noisy.log_det - noisy.log_noise - in_levels

    def _latents(
        self, image: tf.Tensor, *, seed: tf.Tensor, training: bool = False
    ) -> "_Noisy":
        """Returns the latents of images with noise, and what their density takes."""
        if training:
            return self._latents_of_some(image, seed=seed, training=True)
        return never_empty.apply(
            lambda x: self._latents_of_some(x, seed=seed, training=False), image
        )

    def _latents_of_some(
        self, image: tf.Tensor, *, seed: tf.Tensor, training: bool
    ) -> "_Noisy":
        x, log_noise = self._dequantized(image, seed=seed, training=training)
        first = self.preprocessing.bijector()
        rest = self.flow.bijector(training=training)
        y = first.inverse(x)
        z = rest.inverse(y)
        log_det = first.inverse_log_det_jacobian(x, event_ndims=3)
        log_det += rest.inverse_log_det_jacobian(y, event_ndims=3)
        return _Noisy(z, log_det, log_noise)

    def encode(self, image: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Returns the latents of images, `[batch, latent_dim]`, without noise.

        The middle of each level stands for it.

        Raises:
            InvalidType: The images are not floats.
            InvalidValue: They have another shape than the model's, or values outside of
                [0, 1], or NaN.
        """
        del training
        return self._encode(inputs.images(image, shape=self.image_shape))

    def _encode(self, image: tf.Tensor) -> tf.Tensor:
        x = (self._levels(image) + 0.5) / 2**self.bits
        y = self.preprocessing.bijector().inverse(x)
        return never_empty.apply(self.flow.bijector().inverse, y)

    def first_latents(
        self, image: tf.Tensor, mask: tf.Tensor | None = None, *, seed: types.Seed
    ) -> tf.Tensor:
        """Returns where chains start for images: `[batch, latent_dim]`.

        The latents of images whose hidden pixels are those of samples: what is visible
        fits from the first step on.

        Args:
            image: `[batch, height, width, channels]` in [0, 1].
            mask: `[batch, height, width, 1]`, 1 for visible pixels; None for all.
            seed: A stateless seed.
        """
        image, mask = self._visible(image, mask)
        if mask is not None:
            drawn = self._sample(tf.shape(image)[0], seed=seed, temperature=1.0)
            image = tf.where(mask > 0, image, drawn)
        return self._encode(image)

    def _log_joint(self, image, z, mask, *, weight=1.0, label=None):
        """Returns `weight * log N(image; decode(z), VISIBLE_SIGMA^2) + log p(z)`.

        An image has one latent alone: the deviation lets chains leave it, and hold
        visible pixels nearly.
        """
        largest = 2**self.bits - 1.0
        error = (self._decoded_levels(z) - self._levels(image)) / largest
        error = error if mask is None else mask * error
        scaled = tf.reduce_sum(tf.square(error / VISIBLE_SIGMA), axis=[1, 2, 3])
        given = {} if label is None else {"label": label}
        return self._prior.log_prob(z, **given) - 0.5 * weight * scaled

    def call(self, image, training=False):
        """Returns images decoded from their latents, for Keras."""
        del training
        return self.reconstruct(image)

    def signatures(self):
        """Returns the signatures of the base class, of codes, and of labels."""
        found = super().signatures() | signatures.of_noise(self)
        found |= signatures.of_decoder(self)
        found |= signatures.of_codes(self, log_prob=self.log_prob)
        if self.num_classes:
            found |= signatures.of_labels(self, log_prob=self.log_prob)
        return found

    def _sample(self, n, *, seed, temperature, **given):
        """Returns images decoded from draws of the prior, given labels if there are."""
        z = self._prior.sample(n, seed=seed, temperature=temperature, **given)
        return self._decode(z)

    @property
    def noise_dim(self) -> int:
        """Number of draws of N(0, 1) that the prior makes a latent of."""
        return self._prior.normal_dim

    def _decode_noise(self, noise, *, temperature, **given):
        how = {"temperature": temperature, **given}
        return self._decode(self._prior.from_normal(noise, **how))


class _Noisy(NamedTuple):
    """What the density of images with noise is made of, `[batch]` but for `z`."""

    z: tf.Tensor
    log_det: tf.Tensor
    log_noise: tf.Tensor
