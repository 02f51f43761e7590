# SPDX-License-Identifier: Apache-2.0
"""What models that decode latents drawn from a prior have in common."""

__all__ = ["AbstractLatentModel", "Start", "learned_prior"]

import abc
from typing import Literal

import tensorflow as tf

from glf_tf import errors, parts, seeds, types
from glf_tf.data import image_set
from glf_tf.inference import langevin
from glf_tf.inference import sampler as sampler_lib
from glf_tf.models import inputs, model, signatures
from glf_tf.priors import prior as prior_lib

Start = Literal["normal", "prior"] | tf.Tensor
"""Where chains start: draws of N(0, I), draws of the prior, or given latents."""


class AbstractLatentModel(model.GenerativeModel):
    """A model that draws a latent from its prior and decodes it.

    A concrete class sets `latent_dim`, `decoder` and `reconstruction`, and gives
    `prior`. The joint density of images and latents is then known but for a constant,
    and so latents can be inferred by Markov chains, of whole images and of parts.
    """

    @property
    @abc.abstractmethod
    def prior(self) -> prior_lib.AbstractPrior:
        """The density that latents are drawn from."""

    @property
    def sampler(self) -> sampler_lib.AbstractSampler:
        """How `infer_latents` runs its chains if it is not told."""
        return langevin.Langevin()

    @property
    def chain_start(self) -> Start:
        """Where `infer_latents` starts its chains if it is not told."""
        return "normal"

    def signatures(self):
        """Returns those of the base class, and those of latents."""
        return super().signatures() | signatures.of_latents(self)

    def check_data(self, data: image_set.ImageSet) -> None:
        """Checks that there are as many codes as the fit of the prior needs.

        Raises:
            InvalidValue: There are fewer images.
        """
        least = self.prior.least_codes
        if len(data) >= least:
            return
        flag = "components" if "components" in self.get_config() else "prior.components"
        raise errors.InvalidValue(
            f"The prior is fitted to at least {least} codes, one an image",
            received=f"{len(data)} training images",
            do=f"Use more images, or a --{flag} of at most {len(data)}",
        )

    def decode(self, z: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Returns the images of latents, in [0, 1].

        Raises:
            InvalidType: The latents are no floats.
            InvalidValue: They are not `[batch, latent_dim]`, or not finite.
        """
        return self._decode(inputs.latents(z, dim=self.latent_dim), training=training)

    def _decode(self, z: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        logits = self.decoder(z, training=training)
        return tf.sigmoid(tf.cast(logits, tf.float32))

    def _sample(
        self, n: int | tf.Tensor, *, seed: types.Seed, temperature: float | tf.Tensor
    ) -> tf.Tensor:
        """Returns images decoded from latents that are drawn from the prior."""
        return self._decode(self.prior.sample(n, seed=seed, temperature=temperature))

    def log_prob(self, z: tf.Tensor) -> tf.Tensor:
        """Returns the prior's log-density of latents in nats, `[batch]`.

        It is a density of latents, not of images. Where nothing fixes the latents'
        scale, as in GLF, it can be compared between priors on the same latents only.

        Raises:
            InvalidType: The latents are no floats.
            InvalidValue: They are not `[batch, latent_dim]`, or not finite.
        """
        return self.prior.log_prob(inputs.latents(z, dim=self.latent_dim))

    def log_joint(
        self,
        image: tf.Tensor,
        z: tf.Tensor,
        mask: tf.Tensor | None = None,
        *,
        weight: float | tf.Tensor = 1.0,
    ) -> tf.Tensor:
        """Returns `weight * log p(x | z) + log p(z)` in nats, `[batch]`.

        As far as the reconstruction term is a log-likelihood (`is_likelihood`) and the
        prior normalised; but for a constant otherwise.

        Args:
            image: `[batch, height, width, channels]` in [0, 1].
            z: `[batch, latent_dim]`.
            mask: 1 for visible pixels and 0 for hidden ones, which do not count:
                `[batch, height, width, 1]`, or with the images' channels.
            weight: Of the likelihood.

        Raises:
            InvalidType: Images or latents are no floats.
            InvalidValue: Images, latents or mask have another shape, or values that
                they cannot have; hidden pixels may have any.
            Unsupported: There is a mask, and the reconstruction term is no sum over
                pixels.
        """
        z = inputs.latents(z, dim=self.latent_dim)
        image, mask = self._visible(image, mask)
        return self._log_joint(image, z, mask, weight=weight)

    def _visible(
        self, image: types.Tensor, mask: types.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Returns images without what is hidden, and the mask; both checked."""
        mask = self.checked_mask(mask)
        seen = inputs.masked(image, mask)
        return inputs.images(seen, shape=self.image_shape), mask

    def _log_joint(
        self,
        image: tf.Tensor,
        z: tf.Tensor,
        mask: tf.Tensor | None,
        *,
        weight: float | tf.Tensor = 1.0,
    ) -> tf.Tensor:
        logits = tf.cast(self.decoder(z, training=False), tf.float32)
        loss = self.reconstruction.of_visible(image, logits, mask)
        log_prior = self.prior.log_prob(z)
        return log_prior - tf.cast(weight, log_prior.dtype) * tf.cast(
            loss, log_prior.dtype
        )

    def infer_latents(
        self,
        image: tf.Tensor,
        mask: tf.Tensor | None = None,
        *,
        seed: types.Seed,
        start: Start | None = None,
        chain: sampler_lib.AbstractSampler | None = None,
    ) -> sampler_lib.Chains:
        """Runs a chain towards p(z | x) for each image, with nothing learned.

        Args:
            image: `[batch, height, width, channels]` in [0, 1].
            mask: The visible pixels; see `log_joint`.
            seed: A stateless seed.
            start: Where the chains start; latents `[batch, latent_dim]` for instance
                from an encoder; None for `chain_start`.
            chain: How they run; None for `sampler`.

        Returns:
            chains: Where they ended, and how they got there.

        Raises:
            InvalidType: The images are no floats.
            InvalidValue: Images or mask have another shape, or values that they cannot
                have, or the start is unknown; hidden pixels may have any value.
            Unsupported: There is a mask, and the reconstruction term is no sum over
                pixels.
        """
        image, mask = self._visible(image, mask)
        start_seed, chain_seed = seeds.split(seed, 2)
        start = self.chain_start if start is None else start
        z = self.start_latents(tf.shape(image)[0], start, seed=start_seed)
        return (chain or self.sampler).run(
            lambda z: self._log_joint(image, z, mask), z, seed=chain_seed
        )

    def start_latents(
        self, n: int | tf.Tensor, start: Start, *, seed: types.Seed
    ) -> tf.Tensor:
        """Returns where `n` chains start, `[n, latent_dim]`.

        Raises:
            InvalidValue: There is no such start.
        """
        if not isinstance(start, str):
            return tf.ensure_shape(start, [None, self.latent_dim])
        if start == "prior":
            return self.prior.sample(n, seed=seed)
        if start == "normal":
            shape, dtype = [n, self.latent_dim], self.prior.compute_dtype
            return tf.random.stateless_normal(shape, seeds.make(seed), dtype=dtype)
        raise errors.InvalidValue(
            "A chain starts from N(0, I), from the prior, or from given latents",
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
        shapes = [(height, width, one) for one in (1, channels)]
        if mask.shape.rank != 4 or tuple(mask.shape[1:]) not in shapes:
            raise errors.InvalidValue(
                "A mask is 1 where the image is visible: [batch, height, width, 1], or "
                "with the images' channels",
                received=f"a mask {mask.shape} for images {self.image_shape}",
                do=f"Pass a mask [batch, {height}, {width}, 1]",
            )
        return inputs.binary(mask)

    def interpolate(
        self,
        start: tf.Tensor,
        end: tf.Tensor,
        *,
        num_steps: int | tf.Tensor,
        space: Literal["noise", "latent"] = "noise",
    ) -> tf.Tensor:
        """Returns the images on straight lines between latents.

        Args:
            start: Latents `[batch, latent_dim]`.
            end: Latents `[batch, latent_dim]`.
            num_steps: Points on each line, both ends included.
            space: Where the lines are straight: in the prior's noise, as in figure 2f
                of the GLF paper, or among the latents themselves.

        Returns:
            Images `[batch, num_steps, height, width, channels]`.

        Raises:
            InvalidType: The latents are no floats.
            InvalidValue: They are not `[batch, latent_dim]`, or not finite; or there is
                no point, or no such space.
            Unsupported: The prior has no noise space.
        """
        inputs.steps(num_steps)
        inputs.space(space)
        start, end = (inputs.latents(one, dim=self.latent_dim) for one in (start, end))
        if space == "noise":
            prior = self._noise_prior()
            start, end = prior.inverse(start), prior.inverse(end)
        weight = tf.linspace(0.0, 1.0, num_steps)[None, :, None]
        weight = tf.cast(weight, start.dtype)
        line = (1.0 - weight) * start[:, None] + weight * end[:, None]
        flat = tf.reshape(line, [-1, self.latent_dim])
        images = self._decode(self.prior.forward(flat) if space == "noise" else flat)
        return tf.reshape(images, [tf.shape(start)[0], num_steps, *self.image_shape])

    def _noise_prior(self) -> prior_lib.AbstractNoisePrior:
        if not isinstance(self.prior, prior_lib.AbstractNoisePrior):
            raise errors.Unsupported(
                "Interpolation in noise space needs a prior that is a map of noise",
                received=type(self.prior).__name__,
                do='Use space="latent"',
            )
        return self.prior


def learned_prior(spec: types.Prior, *, latent_dim: int) -> prior_lib.AbstractPrior:
    """Returns a prior that is learned by gradients with the rest, or has no weights.

    Raises:
        InvalidValue: It is one that is fitted to codes.
    """
    made = parts.make("prior", spec, latent_dim=latent_dim)
    if isinstance(made, prior_lib.Fitted) or made.fits_noise:
        raise errors.InvalidValue(
            "The prior must be learned with the generator, by gradients alone",
            received=f"prior={spec}",
            do="Use --prior=flow, or --prior=standard_normal",
        )
    return made
