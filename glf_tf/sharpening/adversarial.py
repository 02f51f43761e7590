# SPDX-License-Identifier: Apache-2.0
"""Sharpening by a critic of patches, its features, and the rest of the squared error.

Larsen, Soenderby, Larochelle, Winther: Autoencoding beyond pixels using a learned
similarity metric, 2016 (the critic's features). https://arxiv.org/abs/1512.09300
Esser, Rombach, Ommer: Taming Transformers for High-Resolution Image Synthesis, 2021
(patches, hinge, and a decoder of codes). https://arxiv.org/abs/2012.09841
"""

__all__ = ["Adversarial"]

from collections.abc import Sequence

import tensorflow as tf

from glf_tf import checks, errors, seeds, types
from glf_tf.networks import patch_critic
from glf_tf.objectives import judging
from glf_tf.sharpening import sharpening
from glf_tf.training import stages


class Adversarial(sharpening.AbstractSharpening):
    """A critic D that tells images from decoded ones, and a decoder that answers it.

        critic:  mean(relu(1 - D(x))) + mean(relu(1 + D(y)))
        decoder: -weight * mean(D(y)) + features * sum_l mean |f_l(x) - f_l(y)|
                 + squared_error * sum((x - y)^2),             y = G(z),  z = E(x)

    A step updates the critic first, then the decoder against the new critic. D is
    `networks/patch_critic.py`, of images in [-1, 1]; `f_l` are its features, of which
    means are taken over pixels and channels; the squared error is that of pixels in [0,
    1], summed over an image. A critic that is helpless has a loss of 1 on either kind.

    With a share s of draws, there are decoded latents of the prior beside those of the
    encoder, y' = G(z'), z' ~ p: -weight * mean((1 - s) D(y) + s D(y')), and
    likewise in the critic's loss. They have no image to compare them with.

    Deviation: the weight of D is fixed; Esser et al. adapt it to the gradients at the
    decoder's last layer.

    Args:
        image_shape: (height, width, channels).
        widths: Channels of the critic's convolutions, of which each halves the image.
        weight: Weight of the critic's judgement.
        features: Weight of the distance of the critic's features.
        squared_error: Weight of the squared error.
        drawn: Share of draws from the prior among what the critic judges, in [0, 1].
        noise: Standard deviation of normal noise on all images that the critic sees
            in training, which are in [-1, 1].
        **kwargs: As in `AbstractSharpening`.
    """

    def __init__(
        self,
        image_shape: types.ImageShape,
        *,
        widths: Sequence[int] = (32, 64, 128),
        weight: float = 1.0,
        features: float = 10.0,
        squared_error: float = 0.3,
        drawn: float = 0.0,
        noise: float = 0.0,
        **kwargs,
    ):
        super().__init__(image_shape, **kwargs)
        self._weights = {
            name: checks.not_negative(name, value)
            for name, value in (
                ("weight", weight),
                ("features", features),
                ("squared_error", squared_error),
            )
        }
        _check_any(self._weights)
        self._drawn, self.draws = _share(drawn), drawn > 0.0
        self._noise = checks.not_negative("noise", noise)
        self.critic = patch_critic.patch_critic(self.image_shape, widths=tuple(widths))
        self.built = True

    def updates(self, decoding):
        """Returns the critic's update, and the decoder's."""
        judge = judging.Judge(self.critic, noise=self._noise)
        players = _Players(decoding, judge=judge, draws=self.draws)
        of_made, judged = {"": 1.0 - self._drawn}, self._weights["weight"]
        if self.draws:
            of_made["_drawn"] = self._drawn
        critic = stages.Update(
            "critic",
            (stages.Group("critic", (self.critic,)),),
            terms=players.critic_terms,
            weights={
                "critic_real": 1.0,
                **{f"critic_made{kind}": share for kind, share in of_made.items()},
            },
        )
        decoder = stages.Update(
            "decoder",
            (stages.Group("decoder", (decoding.decoder,)),),
            terms=players.decoder_terms,
            weights={
                **{f"judged{kind}": judged * share for kind, share in of_made.items()},
                "features": self._weights["features"],
                "squared_error": self._weights["squared_error"],
            },
        )
        return critic, decoder


class _Players:
    """The terms of both players."""

    def __init__(self, decoding: sharpening.Decoding, *, judge, draws):
        self._decoder, self._latents = decoding.decoder, decoding.latents
        self._judge, self._draws = judge, draws

    def critic_terms(
        self, batch: types.Batch, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        """Returns "critic_real", "critic_made" and, if it draws, "critic_made_drawn".

        Each has the shape `[batch]`.
        """
        of_z, of_noise = seeds.split(seed, 2)
        made = self._made(batch, seed=of_z, training=training)
        how = {"seed": of_noise, "training": training}
        return self._judge.critic_terms(batch["image"], made, **how)

    def decoder_terms(
        self, batch: types.Batch, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        """Returns "judged", "features" and "squared_error", each `[batch]`.

        And "judged_drawn", if it draws.
        """
        of_z, of_noise = seeds.split(seed, 2)
        made = self._made(batch, seed=of_z, training=training)
        how = {"seed": of_noise, "training": training}
        terms = self._judge.maker_terms(batch["image"], made, **how)
        error = judging.squared_error(batch["image"], made[""])
        return {**terms, "squared_error": error}

    def _made(
        self, batch: types.Batch, *, seed: tf.Tensor, training: bool
    ) -> dict[str, tf.Tensor]:
        """Returns the decoded latents of images, "", and of draws, "_drawn"."""
        latents = {"": self._latents(batch, seed=seed)}
        if self._draws:
            latents["_drawn"] = batch["drawn"]
        return {
            kind: tf.sigmoid(tf.cast(self._decoder(z, training=training), tf.float32))
            for kind, z in latents.items()
        }


def _share(drawn: float) -> float:
    if not 0.0 <= drawn <= 1.0:
        raise errors.InvalidValue(
            "`drawn` is the share of draws from the prior, between 0 and 1",
            received=f"drawn={drawn}",
            do="Use 0 for none, or for instance drawn=0.5",
        )
    return drawn


def _check_any(weights: dict[str, float]) -> None:
    if not any(weights.values()):
        raise errors.InvalidValue(
            "A decoder is sharpened by something, of a weight above 0",
            received=", ".join(f"{name}={value}" for name, value in weights.items()),
            do="Use for instance weight=1, features=10, squared_error=0.3",
        )
