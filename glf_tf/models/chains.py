# SPDX-License-Identifier: Apache-2.0
"""What models with a density of images and latents can do: infer latents by chains."""

__all__ = ["InfersLatents", "Start"]

import abc
from typing import Literal

import tensorflow as tf

from glf_tf import errors, seeds, types
from glf_tf.inference import langevin
from glf_tf.inference import sampler as sampler_lib
from glf_tf.models import codes, inputs, label_inputs

Start = Literal["normal", "prior"] | tf.Tensor
"""Starts of chains: draws of N(0, I), draws of the prior, or given latents."""


class InfersLatents(codes.DecodesLatents):
    """A model with a joint density of images and latents, up to a constant.

    So latents can be inferred by Markov chains, also for images with hidden pixels.
    """

    @property
    def sampler(self) -> sampler_lib.AbstractSampler:
        """The default sampler of `infer_latents`."""
        return langevin.Langevin()

    @property
    def chain_start(self) -> Start:
        """The default start of chains in `infer_latents`."""
        return "normal"

    def log_joint(
        self,
        image: tf.Tensor,
        z: tf.Tensor,
        mask: tf.Tensor | None = None,
        *,
        weight: float | tf.Tensor = 1.0,
    ) -> tf.Tensor:
        """Returns `weight * log p(x | z) + log p(z)` in nats, `[batch]`.

        It is exact if the reconstruction term is a log-likelihood (`is_likelihood`) and
        the prior normalised, otherwise up to a constant.

        Args:
            image: `[batch, height, width, channels]` in [0, 1].
            z: `[batch, latent_dim]`.
            mask: `[batch, height, width, 1 or channels]`, 1 for visible pixels and 0
                for hidden ones, which are ignored.
            weight: Weight of the likelihood.

        Raises:
            InvalidType: Images or latents are not floats.
            InvalidValue: Images, latents or mask have a wrong shape or values; hidden
                pixels may have any value.
            Unsupported: There is a mask, and the reconstruction term is not a sum over
                pixels.
        """
        z = inputs.latents(z, dim=self.latent_dim)
        image, mask = self._visible(image, mask)
        inputs.same_batch(images=image, latents=z)
        return self._log_joint(image, z, mask, weight=weight)

    def _visible(
        self, image: types.Tensor, mask: types.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Returns valid images without hidden pixels, and the mask."""
        mask = self.checked_mask(mask)
        return inputs.images(image, shape=self.image_shape, mask=mask), mask

    @abc.abstractmethod
    def _log_joint(
        self,
        image: tf.Tensor,
        z: tf.Tensor,
        mask: tf.Tensor | None,
        *,
        weight: float | tf.Tensor = 1.0,
    ) -> tf.Tensor:
        """Computes `log_joint` of valid images, in which hidden pixels are 0.

        Of a model whose prior depends on labels, it takes a `label [batch]`, too.
        """

    def infer_latents(
        self,
        image: tf.Tensor,
        mask: tf.Tensor | None = None,
        *,
        seed: types.Seed,
        start: Start | None = None,
        chain: sampler_lib.AbstractSampler | None = None,
        label: tf.Tensor | int | None = None,
    ) -> sampler_lib.Chains:
        """Runs a chain towards p(z | x) for each image.

        Args:
            image: `[batch, height, width, channels]` in [0, 1].
            mask: `[batch, height, width, 1 or channels]`, 1 for visible pixels.
            seed: A stateless seed.
            start: The start of chains, such as latents `[batch, latent_dim]` from an
                encoder; None for `chain_start`.
            chain: The sampler; None for `sampler`.
            label: Labels `[batch]`, or one of all, for a prior that depends on them:
                then chains run towards p(z | x, y); without, whatever the label is.

        Returns:
            chains: The ends of the chains, with diagnostics.

        Raises:
            InvalidType: The images are not floats.
            InvalidValue: Images or mask have a wrong shape or values, or the start is
                unknown; hidden pixels may have any value.
            Unsupported: There is a mask, and the reconstruction term is not a sum over
                pixels; or there are labels, and the model takes none.
        """
        image, mask = self._visible(image, mask)
        count, given = tf.shape(image)[0], {}
        if label is not None:
            how = {"num_classes": self.num_classes, "count": count}
            given["label"] = label_inputs.labels(label, **how)
        start_seed, chain_seed = seeds.split(seed, 2)
        start = self.chain_start if start is None else start
        z = self.start_latents(count, start, seed=start_seed, **given)
        return (chain or self.sampler).run(
            lambda z: self._log_joint(image, z, mask, **given), z, seed=chain_seed
        )

    def start_latents(
        self,
        n: int | tf.Tensor,
        start: Start,
        *,
        seed: types.Seed,
        label: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Returns the start of `n` chains, `[n, latent_dim]`.

        Args:
            n: Number of chains.
            start: Draws of N(0, I) or the prior, or given latents.
            seed: A stateless seed.
            label: Labels `[n]` that the prior is given, if it depends on them.

        Raises:
            InvalidType: Given latents are not floats.
            InvalidValue: There is no such start, or given latents are not `[n,
                latent_dim]`, or not finite.
        """
        if not isinstance(start, str):
            z = inputs.latents(start, dim=self.latent_dim, name="The starts of chains")
            known = tf.get_static_value(n)
            if known is not None and z.shape[0] not in (None, known):
                raise errors.InvalidValue(
                    "Each chain must have a start",
                    received=f"{z.shape[0]} starts for {known} chains",
                    do="Pass as many latents as images",
                )
            return z
        if start == "prior":
            given = {} if label is None else {"label": label}
            return self.prior.sample(n, seed=seed, **given)
        if start == "normal":
            shape, dtype = [n, self.latent_dim], self.prior.compute_dtype
            return tf.random.stateless_normal(shape, seeds.make(seed), dtype=dtype)
        raise errors.InvalidValue(
            "A chain must start at N(0, I), the prior, or given latents",
            received=f"start={start!r}",
            do='Use "normal", "prior" or a tensor [batch, latent_dim]',
        )

    def checked_mask(self, mask: tf.Tensor | None) -> tf.Tensor | None:
        """Returns a mask as float32.

        Raises:
            InvalidValue: It is not `[batch, height, width, 1 or channels]`, or has
                values other than 0 and 1.
        """
        if mask is None:
            return None
        mask = tf.cast(mask, tf.float32)
        height, width, channels = self.image_shape
        shapes = [(height, width, depth) for depth in (1, channels)]
        if mask.shape.rank != 4 or tuple(mask.shape[1:]) not in shapes:
            raise errors.InvalidValue(
                "A mask, 1 for visible pixels, must be [batch, height, width, 1], or "
                "have the images' channels",
                received=f"a mask {mask.shape} for images {self.image_shape}",
                do=f"Pass a mask [batch, {height}, {width}, 1]",
            )
        return inputs.binary(mask)
