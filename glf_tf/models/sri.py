# SPDX-License-Identifier: Apache-2.0
"""Short-run inference: a generator of N(0, I) whose posterior is a short chain.

Nijkamp, Pang, Han, Zhou, Zhu, Wu: Learning Multi-layer Latent Variable Model via
Variational Optimization of Short Run MCMC for Approximate Inference, 2020.
https://arxiv.org/abs/1912.01909
"""

__all__ = ["SRI"]

import keras

from glf_tf import types
from glf_tf.models import inferred
from glf_tf.priors import standard_normal
from glf_tf.training import stages


@keras.saving.register_keras_serializable(package="glf_tf")
class SRI(inferred.AbstractInferred):
    """A generator of N(0, I), trained on latents of chains that start at N(0, I).

        z ~ K Langevin steps of size s on log p(x | z) + log N(z; 0, I), from N(0, I)
        loss = mean(-log p(x | z)),  x ~ N(g(z), sigma^2 I)

    The end of the short chain is a sample of an approximate posterior q_s(z | x). There
    is one layer of latents or, with the network `ladder`, several: z is then the noise
    of all of them.

    Deviation: the paper optimises s by the divergence of q_s from the posterior; here
        it is given.

    Args:
        image_shape: (height, width, channels).
        **kwargs: As in `AbstractInferred`.
    """

    def __init__(
        self,
        image_shape: types.ImageShape,
        *,
        name: str | None = "sri",
        **kwargs,
    ):
        super().__init__(
            image_shape, start="normal", num_images=None, name=name, **kwargs
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
