# SPDX-License-Identifier: Apache-2.0
"""LFBM: a generator with a flow as its prior, learned with Langevin inference.

Xie, Zhu, Xu, Li, Li: A Tale of Two Latent Flows: Learning Latent Space Normalizing Flow
with Short-run Langevin Flow for Approximate Inference, 2023, and its released code.
https://arxiv.org/abs/2301.09300
"""

__all__ = ["LFBM"]

import math
from typing import Literal

import keras
import tensorflow as tf

from glf_tf import checks, seeds, types
from glf_tf.models import (
    inferred,
    label_inputs,
    latent,
    numeric_inputs,
    signatures,
)
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

    Extension: with `num_classes`, the prior depends on a label y. In training chains
        run towards p(z | x, y), otherwise towards p(z | x), whatever the label is.

    Args:
        image_shape: (height, width, channels).
        prior: The density of the latents, trained by gradients, or N(0, I).
        start: Whether chains start at N(0, I), as released, or at the prior.
        num_classes: Number of labels, 0 to `num_classes - 1`, that the prior depends
            on; 0 for none.
        **kwargs: As in `AbstractInferred`.
    """

    def __init__(
        self,
        image_shape: types.ImageShape,
        *,
        prior: types.Prior = "flow",
        start: Literal["normal", "prior"] = "normal",
        num_classes: int = 0,
        name: str | None = "lfbm",
        **kwargs,
    ):
        super().__init__(image_shape, start=start, num_images=None, name=name, **kwargs)
        self.num_classes = checks.at_least("num_classes", num_classes, 0)
        self._prior = latent.learned_prior(
            prior, latent_dim=self.latent_dim, num_classes=num_classes
        )
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
        return self.sharpened(joint)

    def _joint_terms(
        self, batch: types.Batch, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        """Returns the `posterior_terms`, and "nll", -log p(z) in nats; `[batch]`."""
        terms = self.posterior_terms(batch, seed=seed, training=training)
        how = {"seed": seed, "training": training, **self._label_of(batch)}
        return terms | self.prior.terms(batch["z"], **how)

    def label_log_probs(
        self, image: tf.Tensor, *, seed: types.Seed = 0, num_draws: int = 1
    ) -> tf.Tensor:
        """Returns `log p(y | x)` of each label, `[batch, num_classes]`.

            p(y | x) = E[p(y | z)],  p(y | z) = p(z | y) / (num_classes p(z))

        with z ~ p(z | x), as an image depends on its label by its latents alone. They
        are the ends of chains that know no label; so it is as exact as these are, and
        as the mean over `num_draws` of them. Before an image is seen, all labels are
        equally likely.

        Args:
            image: `[batch, height, width, channels]` in [0, 1].
            seed: Of the chains.
            num_draws: Number of chains an image.

        Raises:
            InvalidType: The images are not floats, or `num_draws` no whole number.
            InvalidValue: Images have a wrong shape or values, or `num_draws` is not
                positive.
            Unsupported: The model is not conditional on labels.
        """
        label_inputs.check_conditional(
            self.num_classes, received="a model without them"
        )
        num_draws = numeric_inputs.draws(num_draws)
        drawn = []
        for draw in range(num_draws):
            z = self.infer_latents(image, seed=seeds.fold(seed, draw)).z
            drawn.append(tf.nn.log_softmax(self.prior.log_prob_of_labels(z)))
        return tf.reduce_logsumexp(drawn, axis=0) - math.log(num_draws)

    def signatures(self):
        """Returns the signatures of the base class, and those of labels."""
        found = super().signatures()
        return found | (signatures.of_inferred_labels(self) if self.num_classes else {})
