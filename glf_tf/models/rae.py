# SPDX-License-Identifier: Apache-2.0
"""Regularised autoencoders, and plain ones, with a density fitted to their codes.

Ghosh, Sajjadi, Vergari, Black, Schoelkopf: From Variational to Deterministic
Autoencoders, 2020. https://arxiv.org/abs/1903.12436
"""

__all__ = ["RAE"]

from collections.abc import Mapping
from typing import Literal

import keras
import tensorflow as tf

from glf_tf import checks, errors, types
from glf_tf.data import image_set
from glf_tf.layers import adapters, spectral
from glf_tf.models import autoencoder
from glf_tf.priors import labelled
from glf_tf.priors import prior as prior_lib
from glf_tf.training import stages as stages_lib

_WITH_WEIGHT = ("l2", "gradient_penalty")


@keras.saving.register_keras_serializable(package="glf_tf")
class RAE(autoencoder.AbstractAutoencoder):
    """A deterministic autoencoder with a regularised decoder, followed by a prior.

        loss = mean(recon(x, G(z)) + latent_weight * sum(z^2)
                    + regularization_weight * penalty),  z = E(x)        (section 3.1)

    with one of these penalties (section 3.2):

        l2                  sum(W^2) over the decoder's kernels W
        gradient_penalty    sum((d sum(G(z)^2) / dz)^2), an image
        spectral_norm       none; each kernel W of the decoder is W / sigma(W) instead
        none                none: the RAE of the GLF paper, with `latent_weight` 0.5

    A plain autoencoder has no penalty and `latent_weight` 0. Afterwards the prior is
    fitted to the codes: a normal density in closed form, a mixture by expectation
    maximisation, a flow by gradients on all codes; N(0, I) needs no fit.

    The reconstruction term is summed over pixels and the others over latents or
    weights; the authors' code takes means over both, so that their weights must be
    multiplied by pixels / latent_dim, and that of `l2` by pixels. The gradient penalty
    is that of their code; equation 10 has the norm of the Jacobian. If a batch
    normalisation follows, the norm of a layer's kernel cancels, also with `l2`.

    Args:
        image_shape: (height, width, channels).
        prior: The density of the codes.
        regularization: The regularisation of the decoder.
        latent_weight: Weight of the squared norm of codes.
        regularization_weight: Weight of the penalty l2 or gradient_penalty.
        num_classes: Number of labels, 0 to `num_classes - 1`, that the prior depends
            on; 0 for none.
        **kwargs: As in `AbstractAutoencoder`.
    """

    takes_critic = True

    def __init__(
        self,
        image_shape: types.ImageShape,
        *,
        prior: types.Prior = "mixture",
        regularization: Literal[
            "none", "l2", "gradient_penalty", "spectral_norm"
        ] = "none",
        latent_weight: float = 0.5,
        regularization_weight: float = 0.0,
        num_classes: int = 0,
        name: str | None = "rae",
        **kwargs,
    ):
        super().__init__(image_shape, name=name, **kwargs)
        _check(regularization, weight=regularization_weight)
        self.latent_weight = checks.not_negative("latent_weight", latent_weight)
        self.regularization = regularization
        self.regularization_weight = regularization_weight
        if regularization == "spectral_norm":
            _check_decoder(self.decoder)
            # Keras would keep the variables of the replaced decoder.
            self._tracker.untrack(self.decoder)
            self.decoder = spectral.normalized(self.decoder)
        self.num_classes = checks.at_least("num_classes", num_classes, 0)
        self._prior = labelled.make(
            prior, latent_dim=self.latent_dim, num_classes=num_classes
        )
        self.built = True

    @property
    def prior(self) -> prior_lib.AbstractPrior:
        """The density of the codes."""
        return self._prior

    def stages(self) -> tuple[stages_lib.Stage, ...]:
        """Returns the autoencoder's stage, and the prior's unless it is fixed.

        A prior without gradients has a stage without updates; see also
        `stages_on_codes`.
        """
        first = self.reconstructing(
            "autoencoder",
            self.autoencoder_group,
            terms=self._autoencoder_terms,
            weights=self._autoencoder_weights(),
        )
        if isinstance(self.prior, prior_lib.Fitted):
            last = stages_lib.Stage("prior", prepare=self._fit_prior)
            return self.sharpened(first, last)
        if not self.prior.trainable_variables:
            return self.sharpened(first)
        group = stages_lib.Group("prior", layers=(self.prior,))
        return self.sharpened(first, *self.stages_on_codes(group))

    def _autoencoder_weights(self) -> Mapping[str, float]:
        """Returns the weights of the loss; "latent" of weight 0 is only measured."""
        weights = {"reconstruction": 1.0, "latent": self.latent_weight}
        if self.regularization in _WITH_WEIGHT:
            weights[self.regularization] = self.regularization_weight
        return weights

    def _fit_prior(self, data: image_set.ImageSet) -> None:
        self.prior.fit(self.encode_all(data), **self._labels_of(data))

    def _autoencoder_terms(
        self, batch: types.Batch, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        """Returns the terms of the loss: "l2" is [], the others are `[batch]`."""
        z = self._encode(batch["image"], training=training)
        terms = {"latent": tf.reduce_sum(tf.square(tf.cast(z, tf.float32)), axis=-1)}
        if self.regularization == "gradient_penalty":
            logits, penalty = self._decoded_with_penalty(z, training=training)
            terms["gradient_penalty"] = penalty
        else:
            logits = self.decoder(z, training=training)
        if self.regularization == "l2":
            terms["l2"] = self._squared_kernels()
        how = {"seed": seed, "training": training}
        return {**terms, **self.reconstruction.terms(batch["image"], logits, **how)}

    def _decoded_with_penalty(
        self, z: tf.Tensor, *, training: bool
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns pixel logits, and `sum((d sum(sigmoid(logits)^2) / dz)^2)`."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(z)
            logits = self.decoder(z, training=training)
            # Summed over the batch: each image depends on its own latent, except for
            # batch normalisation.
            total = tf.reduce_sum(tf.square(tf.sigmoid(tf.cast(logits, tf.float32))))
        gradient = tf.cast(tape.gradient(total, z), tf.float32)
        return logits, tf.reduce_sum(tf.square(gradient), axis=-1)

    def _squared_kernels(self) -> tf.Tensor:
        variables = self.decoder.trainable_variables
        kernels = [v for v in variables if v.path.endswith("/kernel")]
        return tf.add_n([tf.reduce_sum(tf.square(kernel)) for kernel in kernels])


def _check_decoder(decoder: keras.layers.Layer) -> None:
    if isinstance(decoder, adapters.Decoder):
        raise errors.Unsupported(
            "Spectral normalisation supports decoders of the library's networks",
            received=f"a decoder of the class {type(decoder.layer).__name__}",
            do="Wrap its layers in keras.layers.SpectralNormalization yourself",
        )


def _check(regularization: str, *, weight: float) -> None:
    checks.not_negative("regularization_weight", weight)
    if (weight > 0.0) != (regularization in _WITH_WEIGHT):
        raise errors.InvalidValue(
            f"The regularizations {' and '.join(_WITH_WEIGHT)} need a weight above 0, "
            "and no other has one",
            received=f"regularization={regularization}, regularization_weight={weight}",
            do="Set both, or neither",
        )
