# SPDX-License-Identifier: Apache-2.0
"""The base class of models with an encoder, a decoder and a prior on latents."""

__all__ = ["AbstractAutoencoder"]

from collections.abc import Mapping
from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from glf_tf import errors, parts, seeds, tracing, types
from glf_tf.data import image_set, pipeline
from glf_tf.layers import adapters
from glf_tf.models import (
    coders,
    codes,
    contested,
    inputs,
    label_inputs,
    latent,
    sharpened,
    signatures,
)
from glf_tf.training import stages

_AT_ONCE = 500


class AbstractAutoencoder(
    codes.EncodesImages,
    contested.Contested,
    sharpened.Sharpens,
    latent.AbstractLatentModel,
):
    """A latent variable model with an encoder.

    It has an `encoder`, a `decoder` and a `reconstruction` term from the options
    `latent_dim`, `network` and `reconstruction`; a concrete class gives `prior`, and
    returns its stages through `sharpened`.
    """

    def __init__(
        self,
        image_shape: types.ImageShape,
        *,
        latent_dim: int = 64,
        network: types.Network = "infogan",
        encoder: types.Network | None = None,
        decoder: types.Network | None = None,
        decoder_output: Literal["auto", "logits", "images"] = "auto",
        reconstruction: types.Reconstruction = "squared_error",
        sharpen: types.Sharpening | None = None,
        name: str | None = None,
    ):
        """Initializes the model.

        Args:
            image_shape: (height, width, channels).
            latent_dim: Size of the latents; by default that of parts given as objects.
                The GLF paper has 20 for MNIST, otherwise 64.
            network: The family of the encoder and decoder.
            encoder: Another encoder than that of `network`: a Keras layer, or another
                network.
            decoder: Another decoder than that of `network`: a Keras layer, or another
                network.
            decoder_output: Output of a Keras layer as decoder: "images", "logits", or
                "auto" where its last layer shows it; see `layers.endings`.
            reconstruction: The reconstruction term.
            sharpen: How the decoder alone is trained on in a last stage, "sharpen",
                with codes and prior as they are; None for no such stage.
            name: Name of the Keras model.

        Raises:
            InvalidValue: The latent size is not positive.
        """
        super().__init__(image_shape, name=name)
        encoder, decoder = coders.made(encoder), coders.made(decoder)
        parts.settle(self, encoder=encoder, decoder=decoder)
        if isinstance(encoder, keras.layers.Layer):
            encoder = adapters.Encoder(encoder, image_shape=self.image_shape)
        sizes = self.code_sizes
        self.latent_dim = coders.settled_dim(
            _checked_dim(latent_dim),
            self,
            encoder=encoder,
            decoder=decoder,
            sizes=sizes,
        )
        parts.settle(self, latent_dim=self.latent_dim)
        if encoder is None or decoder is None:
            network = parts.make("network", network)
        shared = {"latent_dim": self.latent_dim, "image_shape": self.image_shape}
        self.encoder = coders.make_encoder(encoder or network, sizes=sizes, **shared)
        self.decoder = coders.make_decoder(
            decoder or network, output=decoder_output, **shared
        )
        self.reconstruction = contested.made_reconstruction(self, reconstruction)
        self.set_sharpening(sharpen)

    @property
    def code_sizes(self) -> coders.Sizes:
        """The size of the encoder's output: one number per latent."""
        return coders.Sizes()

    @property
    def autoencoder_group(self) -> stages.Group:
        """The group of all layers that learn by reconstruction."""
        layers = (self.encoder, self.decoder, *self.reconstruction.learned_layers())
        return stages.Group("autoencoder", layers=layers)

    def encode(self, image: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Returns the latents of images: `[batch, latent_dim]`.

        Raises:
            InvalidType: The images are not floats.
            InvalidValue: They have another shape than the model's, or values outside
                of [0, 1], or NaN.
        """
        image = inputs.images(image, shape=self.image_shape)
        return self._encode(image, training=training)

    def _encode(self, image: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Computes `encode` without checks, also of noisy images."""
        return coders.apply(self.encoder, image, training=training)

    def drawn_latents(
        self, image: tf.Tensor, *, seed: tf.Tensor, training: bool
    ) -> tf.Tensor:
        """Returns the latents of images in a training step, `[batch, latent_dim]`."""
        del seed  # no randomness
        return self._encode(image, training=training)

    def first_latents(
        self, image: tf.Tensor, mask: tf.Tensor | None = None, *, seed: types.Seed
    ) -> tf.Tensor:
        """Returns where chains start for images: `[batch, latent_dim]`.

        Chains of complete images start at the encoder's latents. For images with hidden
        pixels they start at a draw of the prior: the encoder would treat what hides
        them as part of the image, and chains take long to leave these latents.

        Args:
            image: `[batch, height, width, channels]` in [0, 1].
            mask: `[batch, height, width, 1]`, 1 for visible pixels; see `log_joint`.
            seed: A stateless seed, with the same draws as in `infer_latents`.
        """
        image, mask = self._visible(image, mask)
        encoded = self._encode(image)
        if mask is None:
            return encoded
        start_seed, _ = seeds.split(seed, 2)
        drawn = self.start_latents(tf.shape(image)[0], "prior", seed=start_seed)
        is_whole = tf.reduce_all(mask > 0, axis=[1, 2, 3])
        return tf.where(is_whole[:, None], encoded, tf.cast(drawn, encoded.dtype))

    def codes_of(self, data: image_set.ImageSet) -> Mapping[str, np.ndarray]:
        """Returns "z", the latents of all images, for the sharpening."""
        return {"z": self.encode_all(data)}

    def encode_all(self, data: image_set.ImageSet) -> np.ndarray:
        """Returns the latents of an image set, `[size, latent_dim]`."""
        batches = pipeline.evaluation_batches(data, batch_size=_AT_ONCE)
        return np.concatenate(
            [self._traced_encode(batch["image"]) for batch in batches]
        )

    # TensorFlow keeps one trace per model, as long as the model exists.
    @tracing.method
    def _traced_encode(self, image: tf.Tensor) -> tf.Tensor:
        return self.encode(image)

    def label_log_probs(self, image: tf.Tensor) -> tf.Tensor:
        """Returns `log p(y | z)` of each label, `[batch, num_classes]`, z the codes.

        By Bayes' rule; before an image is seen, all labels are equally likely.

        Raises:
            InvalidType: The images are not floats.
            InvalidValue: As `encode`.
            Unsupported: The model is not conditional on labels.
        """
        label_inputs.check_conditional(
            self.num_classes, received="a model without them"
        )
        return tf.nn.log_softmax(self.prior.log_prob_of_labels(self.encode(image)))

    def signatures(self):
        """Returns the signatures of the base class, of codes, and of labels."""
        found = super().signatures() | signatures.of_codes(self)
        return found | (signatures.of_labels(self) if self.num_classes else {})

    def stages_on_codes(self, group: stages.Group) -> tuple[stages.Stage, ...]:
        """Returns the stages that train the prior alone, on codes.

        The first has the name of the group, which it updates. What starts from data is
        started before it. If the prior's noise is fitted, this is done before the
        first, and again after it in a stage "noise".
        """
        learned = stages.Stage.of(
            group.name,
            group,
            terms=self._code_terms,
            weights=dict.fromkeys(self.prior.term_names, 1.0),
            prepare=self._prepare_prior,
            cache=self._codes,
        )
        if not self.prior.fits_noise:
            return (learned,)
        return learned, stages.Stage("noise", prepare=self._fit_noise)

    def _prepare_prior(self, data: image_set.ImageSet) -> None:
        self._start_prior(data)
        self._fit_noise(data)

    def _start_prior(self, data: image_set.ImageSet) -> None:
        """Starts the prior, if it starts from data, from the codes as they are."""
        if self.prior.starts:
            self.prior.start(self.encode_all(data), **self._labels_of(data))

    def _fit_noise(self, data: image_set.ImageSet) -> None:
        if self.prior.fits_noise:
            self.prior.fit_noise(self.encode_all(data), **self._labels_of(data))

    def _codes(self, data: image_set.ImageSet) -> dict[str, np.ndarray]:
        return {"z": self.encode_all(data), **self._labels_of(data)}

    def _labels_of(self, data: image_set.ImageSet) -> dict[str, np.ndarray]:
        """Returns the labels of images that a prior which depends on them is given."""
        return {"label": data.labels} if self.num_classes else {}

    def _code_terms(
        self, batch: types.Batch, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        """Returns the terms of the prior, such as "nll" in nats, each `[batch]`."""
        how = {"seed": seed, "training": training, **self._label_of(batch)}
        return self.prior.terms(batch["z"], **how)

    def call(self, image, training=False):
        """Returns reconstructions `[batch, height, width, channels]`, for Keras."""
        z = self.encode(image, training=training)
        return self._decode(z, training=training)


def _checked_dim(latent_dim: int) -> int:
    if latent_dim < 1:
        raise errors.InvalidValue(
            "`latent_dim`, the size of the latents, must be at least 1",
            received=f"latent_dim={latent_dim}",
            do="Use a positive latent size",
        )
    return latent_dim
