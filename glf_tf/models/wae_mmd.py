# SPDX-License-Identifier: Apache-2.0
"""WAE-MMD: a maximum mean discrepancy keeps codes near the prior.

Tolstikhin, Bousquet, Gelly, Schoelkopf: Wasserstein Auto-Encoders, 2018, algorithm 2.
https://arxiv.org/abs/1711.01558
"""

__all__ = ["WAEMMD"]

import keras
import tensorflow as tf

from glf_tf import seeds, types
from glf_tf.models import wae
from glf_tf.objectives import divergences
from glf_tf.training import stages


@keras.saving.register_keras_serializable(package="glf_tf")
class WAEMMD(wae.AbstractWAE):
    """A Wasserstein autoencoder with a kernel discrepancy as penalty.

        loss = reconstruction_weight * mean(recon(x, G(E(x)))) + weight * mmd
        mmd = MMD^2({E(x_i)}, {z_i}),  z_i ~ N(0, prior_scale^2 I)

    with as many draws as images, and the unbiased estimate of
    `divergences.imq_mmd_squared`, which may be negative.

    The authors' code has 0.05 as `reconstruction_weight`. With Adam only the ratio of
    the two weights matters: their `weight` of 10 is 200 per unit of squared error. An
    error of pixels in [-1, 1] is 4 times that of pixels in [0, 1], as here.

    The discrepancy is that of a batch. With several replicas, each compares its part of
    the batch with its own draws: this is unbiased, but has more variance, so that
    results differ from one device. If the encoder normalises over the batch, the codes
    of a training batch are not independent: their mean varies too little, and the term
    may be negative on average in training, while that of the test set, normalised by
    moving averages, is positive.

    Args:
        image_shape: (height, width, channels).
        **kwargs: As in `AbstractWAE`.
    """

    def __init__(
        self,
        image_shape: types.ImageShape,
        *,
        name: str | None = "wae_mmd",
        **kwargs,
    ):
        super().__init__(image_shape, name=name, **kwargs)
        self.built = True

    def stages(self) -> tuple[stages.Stage, ...]:
        """Returns the pretraining, if requested, and a stage for everything else."""
        joint = stages.Stage.of(
            "joint",
            self.autoencoder_group,
            terms=self._joint_terms,
            weights={
                "reconstruction": self.reconstruction_weight,
                "mmd": self.penalty_weight,
            },
        )
        return self.sharpened(*self.pretraining, joint)

    def _joint_terms(
        self, batch: types.Batch, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        """Returns "reconstruction" `[batch]` and "mmd" []."""
        noise_seed, prior_seed = seeds.split(seed, 2)
        z = self.code(batch["image"], seed=noise_seed, training=training)
        drawn = self.prior.sample(tf.shape(z)[0], seed=prior_seed)
        return {
            "reconstruction": self.reconstruction_term(batch, z, training=training),
            "mmd": divergences.imq_mmd_squared(z, drawn, prior_scale=self.prior.scale),
        }
