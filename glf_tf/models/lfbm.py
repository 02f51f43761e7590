# SPDX-License-Identifier: Apache-2.0
"""LFBM: a generator with a flow as its prior, learned with Langevin inference.

Xie, Zhu, Xu, Li, Li: A Tale of Two Latent Flows: Learning Latent Space Normalizing Flow
with Short-run Langevin Flow for Approximate Inference, 2023, and its released code.
https://arxiv.org/abs/2301.09300
"""

__all__ = ["LFBM"]

from typing import Literal

import keras
import tensorflow as tf

from glf_tf import types
from glf_tf.models import inferred, latent
from glf_tf.priors import prior as prior_lib
from glf_tf.training import stages


@keras.saving.register_keras_serializable(package="glf_tf")
class LFBM(inferred.AbstractInferred):
    """A generator and a prior, both trained on latents inferred by short chains.

        z ~ K Langevin steps on log p(x | z) + log p(z), from N(0, I)
        loss = mean(-log p(x | z) - log p(z)),  x ~ N(g(z), sigma^2 I)

    The paper's prior is a flow. Generator and prior share no weights: each minimises
    its own part of the loss.

    Deviation: the released generator's loss lacks the factor 1 / (2 sigma^2) of the
        likelihood, to which Adam is invariant. The released log-density of the prior
        has a wrong constant.

    Args:
        image_shape: (height, width, channels).
        prior: The density of the latents, trained by gradients, or N(0, I).
        start: Whether chains start at N(0, I), as released, or at the prior.
        **kwargs: As in `AbstractInferred`.
    """

    def __init__(
        self,
        image_shape: types.ImageShape,
        *,
        prior: types.Prior = "flow",
        start: Literal["normal", "prior"] = "normal",
        name: str | None = "lfbm",
        **kwargs,
    ):
        super().__init__(image_shape, start=start, num_images=None, name=name, **kwargs)
        self._prior = latent.learned_prior(prior, latent_dim=self.latent_dim)
        self.built = True

    @property
    def prior(self) -> prior_lib.AbstractPrior:
        """The density of the latents."""
        return self._prior

    def stages(self) -> tuple[stages.Stage, ...]:
        """Returns a stage with one optimiser each for generator and prior."""
        groups = [self.generator_group]
        if self.prior.trainable_variables:
            groups.append(stages.Group("prior", (self.prior,)))
        joint = stages.Stage.of(
            "joint",
            *groups,
            terms=self._joint_terms,
            weights={**self.posterior_weights, "nll": 1.0},
            infer=self.infer_batch,
            is_validated=self.is_validated,
        )
        return (joint,)

    def _joint_terms(
        self, batch: types.Batch, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        """Returns the `posterior_terms`, and "nll", -log p(z) in nats; `[batch]`."""
        terms = self.posterior_terms(batch, seed=seed, training=training)
        terms["nll"] = -self.prior.log_prob(batch["z"], training=training)
        return terms
