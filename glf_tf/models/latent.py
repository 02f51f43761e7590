# SPDX-License-Identifier: Apache-2.0
"""The base class of models that decode latents drawn from a prior."""

__all__ = ["AbstractLatentModel", "check_learned", "learned_prior"]

import tensorflow as tf

from glf_tf import errors, types
from glf_tf.data import image_set
from glf_tf.models import (
    chains,
    coders,
    inputs,
    label_inputs,
    model,
    noises,
    signatures,
)
from glf_tf.priors import labelled
from glf_tf.priors import prior as prior_lib


class AbstractLatentModel(
    noises.DecodesNoise, chains.InfersLatents, model.GenerativeModel
):
    """A model that draws a latent from its prior and decodes it.

    A concrete class sets `latent_dim`, `decoder` and `reconstruction`, and gives
    `prior`.
    """

    log_prob_meaning = "log-density of the images' latents, log p(z)"

    def signatures(self):
        """Returns the signatures of the base class, and those of latents."""
        found = super().signatures() | signatures.of_noise(self)
        found |= signatures.of_decoder(self)
        return found | signatures.of_latents(self)

    def check_data(self, data: image_set.ImageSet) -> None:
        """Checks that there are enough codes for the fit of the prior.

        Raises:
            InvalidValue: There are too few images, or of a label.
        """
        least, of_label = self.prior.least_codes, self.prior.least_codes_of_label
        if of_label and data.labels is not None:
            how = {"num_classes": self.num_classes, "at_least": of_label}
            labelled.check_counts(data.labels, **how)
        if len(data) >= least:
            return
        flag = "components" if "components" in self.get_config() else "prior.components"
        raise errors.InvalidValue(
            f"The fit of the prior needs at least {least} codes, one per image",
            received=f"{len(data)} training images",
            do=f"Use more images, or at most {len(data)} components: of a mixture as "
            f"prior, --{flag}, or of one as noise",
        )

    def _label_of(self, batch: types.Batch) -> dict[str, tf.Tensor]:
        """Returns the labels that a prior which depends on them is given."""
        return {"label": batch["label"]} if self.num_classes else {}

    @property
    def noise_dim(self) -> int:
        """Number of draws of N(0, 1) that the prior makes a latent of; 0 for none."""
        return self.prior.normal_dim

    def _decode_noise(self, noise, *, temperature, **given):
        """Returns images decoded from latents that the prior makes of noise."""
        how = {"temperature": temperature, **given}
        return self._decode(self.prior.from_normal(noise, **how))

    def _decode(self, z: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        logits = coders.apply(self.decoder, z, training=training)
        return tf.sigmoid(tf.cast(logits, tf.float32))

    @property
    def is_guidable(self) -> bool:
        """Whether samples of the prior may be guided by labels."""
        return self.prior.is_guidable

    def _sample(self, n, *, seed, temperature, **given):
        """Returns images decoded from latents that are drawn from the prior."""
        drawn = self.prior.sample(n, seed=seed, temperature=temperature, **given)
        return self._decode(drawn)

    def log_prob(
        self, z: tf.Tensor, *, label: tf.Tensor | int | None = None
    ) -> tf.Tensor:
        """Returns the prior's log-density of latents in nats, `[batch]`.

        It is a density of latents, not of images. If the scale of latents is arbitrary,
        as in GLF, it is only comparable between priors on the same latents.

        Args:
            z: Latents `[batch, latent_dim]`.
            label: Their labels `[batch]`, or one of all, that a conditional model is
                given; by default it is the density whatever the label is.

        Raises:
            InvalidType: The latents are not floats, or labels no whole numbers.
            InvalidValue: They are not `[batch, latent_dim]`, or not finite; or labels
                are out of range, or others in number than the latents.
            Unsupported: There are labels, and the model takes none.
        """
        z, given = inputs.latents(z, dim=self.latent_dim), {}
        if label is not None:
            known, count = self.num_classes, tf.shape(z)[0]
            given["label"] = label_inputs.labels(label, num_classes=known, count=count)
        return self.prior.log_prob(z, **given)

    def _log_joint(
        self,
        image: tf.Tensor,
        z: tf.Tensor,
        mask: tf.Tensor | None,
        *,
        weight: float | tf.Tensor = 1.0,
        label: tf.Tensor | None = None,
    ) -> tf.Tensor:
        logits = tf.cast(self.decoder(z, training=False), tf.float32)
        loss = self.reconstruction.of_visible(image, logits, mask)
        given = {} if label is None else {"label": label}
        log_prior = self.prior.log_prob(z, **given)
        return log_prior - tf.cast(weight, log_prior.dtype) * tf.cast(
            loss, log_prior.dtype
        )


def learned_prior(
    spec: types.Prior, *, latent_dim: int, num_classes: int
) -> prior_lib.AbstractPrior:
    """Returns a prior without weights, or that is learned by gradients.

    Raises:
        InvalidValue: It must be fitted to codes, or is not learned by its likelihood.
        Unsupported: There are labels, and it cannot depend on them.
    """
    made = labelled.make(spec, latent_dim=latent_dim, num_classes=num_classes)
    check_learned(made)
    return made


def check_learned(prior: prior_lib.AbstractPrior) -> None:
    """Checks that a prior has no weights, or is learned by gradients of its likelihood.

    Raises:
        InvalidValue: It, or its noise, must be fitted to codes, or it has other terms
            or adds noise to codes.
    """
    if isinstance(prior, prior_lib.Fitted) or prior.fits_noise:
        fitted = prior.noise if prior.fits_noise else prior
        raise errors.InvalidValue(
            "What is trained together with the codes is learned by gradients alone",
            received=f"{type(fitted).__name__}, which is fitted to finished codes",
            do="Use another density, such as flow, student_t or standard_normal",
        )
    if prior.term_names != ("nll",):
        raise errors.InvalidValue(
            "What is trained together with the codes is learned by its likelihood",
            received=f"{type(prior).__name__}, whose terms are "
            f"{', '.join(prior.term_names)}",
            do="Use another density, such as flow, or another model, such as rae",
        )
    if prior.is_smoothed:
        raise errors.InvalidValue(
            "Noise is added to finished codes alone, not to what is trained together",
            received=f"{type(prior).__name__} with smoothing",
            do="Use smoothing=0, or another model, such as rae",
        )
