# SPDX-License-Identifier: Apache-2.0
"""The base class of models whose training infers latents by Markov chains.

Han, Lu, Zhu, Wu: Alternating Back-Propagation for Generator Network, 2017.
https://arxiv.org/abs/1606.08571
"""

__all__ = ["AbstractInferred", "signed_mse"]

from collections.abc import Mapping
from typing import Literal

import numpy as np
import tensorflow as tf

from glf_tf import checks, parts, seeds, tracing, types
from glf_tf.data import image_set, pipeline
from glf_tf.inference import sampler as sampler_lib
from glf_tf.models import chains, coders, contested, latent, sharpened, store
from glf_tf.objectives import signed_gaussian
from glf_tf.training import stages

_AT_ONCE = 500
_SEED = 19


class AbstractInferred(sharpened.Sharpens, latent.AbstractLatentModel):
    """A generator and a prior, trained on latents inferred by chains.

    Each training step runs a chain from `start` towards p(z | x), outside every tape,
    and then minimises -log p(x, z) at its end. If a batch has a `mask`, hidden pixels
    are ignored in both.

    It has a `decoder`, a `reconstruction` term and a `sampler` from the options
    `latent_dim`, `network`, `reconstruction` and `inference`; a concrete class gives
    `prior`, and returns its stages through `sharpened`.
    """

    uses_masks = True

    def __init__(
        self,
        image_shape: types.ImageShape,
        *,
        latent_dim: int = 100,
        network: types.Network = "top_down",
        decoder: types.Network | None = None,
        decoder_output: Literal["auto", "logits", "images"] = "auto",
        reconstruction: types.Reconstruction = "signed_gaussian",
        inference: types.Sampler = "langevin",
        sharpen: types.Sharpening | None = None,
        start: str,
        num_images: int | None,
        name: str | None = None,
    ):
        """Initializes the model.

        Args:
            image_shape: (height, width, channels).
            latent_dim: Size of the latents; by default that of parts given as objects.
            network: The family of the generator.
            decoder: Another generator than that of `network`: a Keras layer, or another
                network.
            decoder_output: Output of a Keras layer as decoder: "images", "logits", or
                "auto" where its last layer shows it; see `layers.endings`.
            reconstruction: The reconstruction term; its sigma is for pixels in [-1, 1].
            inference: The sampler of chains.
            sharpen: How the decoder alone is trained on in a last stage, "sharpen", on
                latents that are inferred once; None for no such stage.
            start: Where chains start in training: "normal", "prior", or "persistent",
                at the end of the image's last chain.
            num_images: Size of the training set, for persistent chains.
            name: Name of the Keras model.

        Raises:
            InvalidValue: A size is not positive.
        """
        super().__init__(image_shape, name=name)
        checks.at_least("latent_dim", latent_dim, 1)
        self.decoder, self.latent_dim = coders.generator(
            self,
            latent_dim=latent_dim,
            network=network,
            decoder=decoder,
            output=decoder_output,
        )
        self.reconstruction = contested.made_reconstruction(self, reconstruction)
        self._sampler = parts.make("inference", inference)
        self.set_sharpening(sharpen)
        self.start, self.store = start, None
        if start == "persistent":
            checks.at_least("num_images", num_images, 1)
            self.store = store.LatentStore(num_images, self.latent_dim)

    @property
    def sampler(self) -> sampler_lib.AbstractSampler:
        """The sampler of chains."""
        return self._sampler

    @property
    def chain_start(self) -> chains.Start:
        """As in training, or "normal" if chains persist, which new images lack."""
        return "normal" if self.start == "persistent" else self.start

    @property
    def generator_group(self) -> stages.Group:
        """The group of the generator."""
        return stages.Group("generator", (self.decoder, self.reconstruction))

    @property
    def is_validated(self) -> bool:
        """Whether terms can be measured on new images, which have no chains."""
        return self.store is None

    @property
    def has_codes_of_new_images(self) -> bool:
        """Whether chains have no start of their own for each training image."""
        return self.store is None

    def codes_of(self, data: image_set.ImageSet) -> Mapping[str, np.ndarray]:
        """Returns "z", latents of all images, for the sharpening.

        They are where chains persist, or else the ends of chains as in training.
        """
        if self.store is not None:
            return {"z": self.store.read(tf.range(len(data))).numpy()}
        batches = pipeline.evaluation_batches(data, batch_size=_AT_ONCE)
        found = [
            self._traced_infer(
                batch["image"], seeds.make((_SEED, number)), **self._label_of(batch)
            )
            for number, batch in enumerate(batches)
        ]
        return {"z": np.concatenate(found)}

    @tracing.method
    def _traced_infer(
        self, image: tf.Tensor, seed: tf.Tensor, label: tf.Tensor | None = None
    ) -> tf.Tensor:
        given = {} if label is None else {"label": label}
        return self.infer_latents(image, seed=seed, **given).z

    @property
    def posterior_weights(self) -> Mapping[str, float]:
        """The weights of `posterior_terms`; those of the chain are 0."""
        names = [f"posterior_{name}" for name in sampler_lib.DIAGNOSTICS]
        return {"reconstruction": 1.0, **dict.fromkeys(["mse", *names], 0.0)}

    def posterior_stage(self) -> stages.Stage:
        """Returns the stage in which the generator alone learns, from chains' ends."""
        return stages.Stage.of(
            "joint",
            self.generator_group,
            terms=self.posterior_terms,
            weights=self.posterior_weights,
            infer=self.infer_batch,
            is_validated=self.is_validated,
        )

    @property
    def advice(self) -> Mapping[str, str]:
        """Advice for diverged chains."""
        advice = self.sampler.advice
        return {"posterior_divergence": advice, "posterior_energy": advice}

    def infer_batch(self, batch: types.Batch, *, seed: tf.Tensor) -> types.Batch:
        """Returns the batch with latents "z" and chain diagnostics "posterior_...".

        Chains are given the labels of images, if the prior depends on them.
        """
        kept = None if self.store is None else self.store.read(batch["index"])
        how = {"seed": seeds.make(seed), "start": kept, **self._label_of(batch)}
        chains = self.infer_latents(batch["image"], batch.get("mask"), **how)
        if self.store is not None:
            self.store.write(batch["index"], chains.z)
        return {**batch, "z": chains.z, **chains.diagnostics("posterior")}

    def posterior_terms(
        self, batch: types.Batch, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        """Returns the generator's terms on inferred latents.

        Returns:
            `reconstruction`, -log p(x | z) in nats, `[batch]`; `mse`, of pixels in [-1,
            1]; and the diagnostics of `infer_batch`.
        """
        del seed  # no randomness
        mask = self.checked_mask(batch.get("mask"))
        logits = self.decoder(batch["z"], training=training)
        logits = tf.cast(logits, tf.float32)
        terms = {name: batch[name] for name in batch if name.startswith("posterior_")}
        terms["mse"] = signed_mse(batch["image"], logits, mask)
        terms["reconstruction"] = self.reconstruction.of_visible(
            batch["image"], logits, mask
        )
        return terms


def signed_mse(
    image: tf.Tensor, logits: tf.Tensor, mask: tf.Tensor | None = None
) -> tf.Tensor:
    """Returns the mean squared error of pixels in [-1, 1], the papers', `[batch]`.

    Args:
        image: `[batch, height, width, channels]` in [0, 1].
        logits: Pixel logits `[batch, height, width, channels]`.
        mask: `[batch, height, width, 1]`, 1 for pixels that count; None for all.
    """
    error = tf.math.squared_difference(image, tf.sigmoid(logits))
    error *= signed_gaussian.RANGE**2
    if mask is None:
        return tf.reduce_mean(error, axis=[1, 2, 3])
    mask = tf.broadcast_to(mask, tf.shape(error))
    count = tf.reduce_sum(mask, axis=[1, 2, 3])
    return tf.math.divide_no_nan(tf.reduce_sum(mask * error, axis=[1, 2, 3]), count)
