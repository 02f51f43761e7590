# SPDX-License-Identifier: Apache-2.0
"""Alternating back-propagation: a generator of N(0, I), with Langevin inference.

Han, Lu, Zhu, Wu: Alternating Back-Propagation for Generator Network, 2017.
https://arxiv.org/abs/1606.08571
"""

__all__ = ["ABP"]

from typing import Literal

import keras

from glf_tf import types
from glf_tf.models import inferred
from glf_tf.priors import standard_normal
from glf_tf.training import stages


@keras.saving.register_keras_serializable(package="glf_tf")
class ABP(inferred.AbstractInferred):
    """A generator of N(0, I), learned on latents that Langevin chains infer.

        z ~ K Langevin steps on log p(x | z) + log N(z; 0, I)
        loss = mean(-log p(x | z)),  x ~ N(g(z), sigma^2 I)

    As in the paper, the chain of an image continues from its last visit, so that few
    steps per visit suffice; or it starts anew from N(0, I).

    Args:
        image_shape: (height, width, channels).
        num_images: Size of the training set; each image has a chain.
        start: Whether chains persist, or start from N(0, I) at each visit.
        **kwargs: As in `AbstractInferred`.
    """

    def __init__(
        self,
        image_shape: types.ImageShape,
        *,
        num_images: int,
        start: Literal["persistent", "normal"] = "persistent",
        name: str | None = "abp",
        **kwargs,
    ):
        super().__init__(
            image_shape, start=start, num_images=num_images, name=name, **kwargs
        )
        self._prior = standard_normal.StandardNormalPrior(self.latent_dim)
        self.built = True

    @property
    def prior(self) -> standard_normal.StandardNormalPrior:
        """N(0, I)."""
        return self._prior

    def stages(self) -> tuple[stages.Stage, ...]:
        """Returns a stage with one optimiser."""
        return self.sharpened(self.posterior_stage())
