# SPDX-License-Identifier: Apache-2.0
"""GANs: a generator learns from a critic, which learns to tell its images from others.

The losses and penalties have their papers in `objectives.adversarial`,
`objectives.hinge` and `objectives.gradient_penalty`.
"""

__all__ = ["GAN"]

from collections.abc import Mapping
from typing import Literal

import keras
import tensorflow as tf

from glf_tf import checks, errors, seeds, types
from glf_tf.models import adversarial, critics
from glf_tf.networks import normalized
from glf_tf.objectives import adversarial as losses
from glf_tf.objectives import gradient_penalty
from glf_tf.training import schedule
from glf_tf.training import stages as stages_lib

_ONE_CENTRED = ("interpolated", "perturbed")
_LEFT_FREE = "wasserstein"

_PENALTY_WEIGHT = 10.0


@keras.saving.register_keras_serializable(package="glf_tf")
class GAN(adversarial.AbstractAdversarial):
    """A generator G and a critic, of which an image x has the score D(x).

    Loss of the critic, and of the generator, `S = softplus`, in nats where it occurs:

        minimax         S(-D(x)) + S(D(G))           -S(D(G))
        non_saturating  S(-D(x)) + S(D(G))           S(-D(G))
        least_squares   (D(x) - 1)^2 / 2 + D(G)^2 / 2    (D(G) - 1)^2 / 2
        wasserstein     D(G) - D(x)                  -D(G)
        hinge           relu(1 - D(x)) + relu(1 + D(G))  -D(G)
        relativistic    S(D(G) - D(x))               S(D(x) - D(G))

    and the critic's penalty, times `penalty_weight`:

        interpolated   (|grad D(y)| - 1)^2, y between x and G      WGAN-GP
        perturbed      (|grad D(y)| - 1)^2, y beside x             DRAGAN
        zero_centred   (|grad D(x)|^2 + |grad D(G)|^2) / 2         R3GAN

    WGAN is "wasserstein" with `clip`, WGAN-GP with "interpolated"; DRAGAN is
    "non_saturating" with "perturbed", SNGAN "hinge" with `critic_norm` "spectral", and
    R3GAN "relativistic" with "zero_centred". Terms of weight 0 tell how training goes:
    `accuracy`, how often a real image's score is above a made one's; `distance`, `D(x)
    - D(G)`; and with a penalty `gradient_norm`, at the images where it is taken, of
    "zero_centred" the real ones.

    Args:
        image_shape: (height, width, channels).
        loss: The losses of both players.
        penalty: The penalty on the critic's gradient.
        penalty_weight: Its weight, lambda or gamma in the papers. Gradients are with
            respect to pixels in [0, 1]: with pixels in [-1, 1], as in the released code
            of R3GAN, they are half as large.
        penalty_end: Its weight after `penalty_steps`, with which it must be given.
        penalty_steps: Steps of training in which the weight moves to `penalty_end`
            along a cosine; 0 for a constant weight.
        clip: Bound on all weights of the critic, which are clipped to it after each of
            its updates; 0 for none.
        on_probability: Whether least squares and the penalty are of `sigmoid(D)`
            instead of the score, as in compare_gan.
        critic: Another critic than the encoder of `network`: another network, or a
            Keras layer from images to one score, without a sigmoid.
        critic_norm: Normalisation of a network as critic: "batch", where its family has
            it; "spectral", or "none".
        critic_deviation: Whether a network as critic also sees how much the images of a
            batch differ (Karras et al., 2018); not with a penalty.
        **kwargs: As in `AbstractAdversarial`.
    """

    def __init__(
        self,
        image_shape: types.ImageShape,
        *,
        loss: Literal[
            "minimax",
            "non_saturating",
            "least_squares",
            "wasserstein",
            "hinge",
            "relativistic",
        ] = "non_saturating",
        penalty: Literal["none", "interpolated", "perturbed", "zero_centred"] = "none",
        penalty_weight: float = _PENALTY_WEIGHT,
        penalty_end: float | None = None,
        penalty_steps: int = 0,
        clip: float = 0.0,
        on_probability: bool = False,
        critic: types.Network | None = None,
        critic_norm: Literal["none", "batch", "spectral"] = "none",
        critic_deviation: bool = False,
        network: types.Network = "infogan",
        name: str | None = "gan",
        **kwargs,
    ):
        super().__init__(image_shape, network=network, name=name, **kwargs)
        checks.not_negative("penalty_weight", penalty_weight)
        checks.not_negative("penalty_end", penalty_end or 0.0)
        checks.at_least("penalty_steps", penalty_steps, 0)
        self.critic_bound = checks.not_negative("clip", clip)
        self.loss_name, self.penalty = loss, penalty
        self.penalty_weight, self.penalty_end = penalty_weight, penalty_end
        self.penalty_steps = penalty_steps
        self._is_on_probability = on_probability
        self.critic = critics.make(
            self,
            network=network,
            critic=critic,
            norm=critic_norm,
            has_deviation=critic_deviation,
            has_last_bias=on_probability or not self._loss.is_relative,
        )
        self._check()
        self.built = True

    def _check(self) -> None:
        """Checks that options go together."""
        has_penalty = self.penalty != "none"
        self._check_penalty_options()
        last_weight = self.penalty_end if self.penalty_steps else self.penalty_weight
        stays_bound = has_penalty and last_weight > 0.0
        is_bound = (
            stays_bound or self.critic_bound or normalized.is_spectral(self.critic)
        )
        if self.loss_name == _LEFT_FREE and not is_bound:
            raise errors.InvalidValue(
                "The critic of a Wasserstein loss must be bound: without, its loss has "
                "no minimum",
                received="loss=wasserstein without clip, spectral norms, or a penalty "
                "whose weight stays above 0",
                do="Use --clip=0.01, or --penalty=interpolated",
            )
        is_used = has_penalty or self.loss_name == "least_squares"
        if self._is_on_probability and not is_used:
            raise errors.InvalidValue(
                "`on_probability` is of least squares and of penalties",
                received=f"loss={self.loss_name} without a penalty",
                do="Remove it, or use --loss=least_squares",
            )
        if has_penalty:
            critics.check_penalty(self.critic, penalty=self.penalty)

    def _check_penalty_options(self) -> None:
        """Checks that what is said of a penalty is said of one."""
        if self.penalty_end and not self.penalty_steps:
            raise errors.InvalidValue(
                "`penalty_end` needs the steps in which it is reached",
                received=f"penalty_end={self.penalty_end} and penalty_steps=0",
                do="Set --penalty_steps, or leave out --penalty_end",
            )
        if self.penalty_steps and self.penalty_end is None:
            raise errors.InvalidValue(
                "`penalty_steps` need the weight that is reached in them",
                received=f"penalty_steps={self.penalty_steps} without penalty_end",
                do="Set --penalty_end, which is 0 for a penalty that fades away",
            )
        if self.penalty != "none":
            return
        for name, value, unused in (
            ("penalty_steps", self.penalty_steps, 0),
            ("penalty_weight", self.penalty_weight, _PENALTY_WEIGHT),
        ):
            if value != unused:
                raise errors.InvalidValue(
                    f"`{name}` is that of a penalty",
                    received=f"{name}={value} and penalty=none",
                    do=f"Set for instance --penalty=zero_centred, or --{name}={unused} "
                    "for none",
                )

    @property
    def critic_layers(self) -> tuple[keras.layers.Layer, ...]:
        """The critic."""
        return (self.critic,)

    @property
    def critic_weights(self) -> Mapping[str, stages_lib.Weight]:
        """The weights of the critic's loss and penalty; others are measured."""
        weights = {"critic": 1.0, "accuracy": 0.0, "distance": 0.0}
        if self.penalty == "none":
            return weights
        return {**weights, "penalty": self._penalty_weight, "gradient_norm": 0.0}

    @property
    def _penalty_weight(self) -> stages_lib.Weight:
        """The penalty's weight, or how it depends on the step."""
        if not self.penalty_steps:
            return self.penalty_weight
        ends = (self.penalty_weight, self.penalty_end)
        return schedule.Cosine(*ends, self.penalty_steps)

    def score(self, image: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Returns the critic's scores of images, `[batch]`, large for real ones."""
        return tf.cast(self.critic(image, training=training)[:, 0], tf.float32)

    def critic_terms(
        self, batch: types.Batch, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        """Returns "critic", its penalty if there is one, and diagnostics; `[batch]`."""
        noise_seed, penalty_seed = seeds.split(seed, 2)
        image = batch["image"]
        made = self.made(batch, seed=noise_seed, training=training)
        # Apart from each other, so that each is normalised by its own statistics.
        real_score = self.score(image, training=training)
        made_score = self.score(made, training=training)
        terms = {
            "critic": self._loss.critic(*map(self._judged, (real_score, made_score))),
            "accuracy": losses.accuracy(real_score, made_score),
            "distance": real_score - made_score,
        }
        if self.penalty == "none":
            return terms
        how = {"seed": penalty_seed, "training": training}
        return terms | self._penalties(image, made, **how)

    def generator_terms(
        self, batch: types.Batch, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        """Returns "generator", `[batch]`."""
        noise_seed, _ = seeds.split(seed, 2)
        made = self.made(batch, seed=noise_seed, training=training)
        score, real = self._judged(self.score(made, training=training)), None
        if self._loss.is_paired:
            real = self._judged(self.score(batch["image"], training=training))
        return {"generator": self._loss.generator(real, score)}

    @property
    def _loss(self) -> losses.Loss:
        return losses.LOSSES[self.loss_name]

    def _judged(self, score: tf.Tensor) -> tf.Tensor:
        """Returns what the loss takes: scores, or probabilities for least squares."""
        is_squared = self._is_on_probability and self.loss_name == "least_squares"
        return tf.sigmoid(score) if is_squared else score

    def _penalties(
        self, image: tf.Tensor, made: tf.Tensor, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        """Returns "penalty" and "gradient_norm", `[batch]`."""

        def judge(point):
            score = self.score(point, training=training)
            return tf.sigmoid(score) if self._is_on_probability else score

        if self.penalty in _ONE_CENTRED:
            point = self._point(image, made, seed=seed)
            squared = gradient_penalty.squared_norm(judge, point)
            penalty = gradient_penalty.off_one(squared)
        else:
            squared = gradient_penalty.squared_norm(judge, image)
            of_made = gradient_penalty.squared_norm(judge, made)
            penalty = 0.5 * (squared + of_made)
        return {"penalty": penalty, "gradient_norm": tf.sqrt(squared)}

    def _point(self, image: tf.Tensor, made: tf.Tensor, *, seed: tf.Tensor):
        """Returns the images at which a one-centred penalty is taken."""
        if self.penalty == "interpolated":
            return gradient_penalty.between(image, made, seed=seed)
        return gradient_penalty.around(image, seed=seed)
