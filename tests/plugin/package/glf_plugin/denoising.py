# SPDX-License-Identifier: Apache-2.0
"""A denoising autoencoder with a flow on its latents, both learned at once."""

__all__ = ["Denoising"]

import keras
import tensorflow as tf

from glf_tf import types
from glf_tf.models import autoencoder
from glf_tf.priors import flow as flow_prior
from glf_tf.training import stages


@keras.saving.register_keras_serializable(package="glf_plugin")
class Denoising(autoencoder.AbstractAutoencoder):
    """Encodes noisy images, and decodes the clean ones.

    Args:
        image_shape: (height, width, channels).
        latent_dim: Size of the latents.
        network: The encoder's and decoder's family.
        inner_flow: The flow on the latents.
        reconstruction: The reconstruction term, summed over pixels.
        noise: The standard deviation of the pixels' noise.
    """

    def __init__(
        self,
        image_shape: types.ImageShape,
        *,
        latent_dim: int = 4,
        network: types.Network = "mlp",
        inner_flow: types.Flow = "real_nvp",
        reconstruction: types.Reconstruction = "squared_error",
        noise: float = 0.1,
        **kwargs,
    ):
        super().__init__(
            image_shape,
            latent_dim=latent_dim,
            network=network,
            reconstruction=reconstruction,
            **kwargs,
        )
        self.noise = noise
        self._prior = flow_prior.FlowPrior(latent_dim, flow=inner_flow)
        self.built = True

    @property
    def prior(self):
        """The flow's density."""
        return self._prior

    def stages(self):
        """Returns the one stage, of two groups."""
        flow = stages.Group("flow", layers=(self.prior,))
        return (
            stages.Stage.of(
                "joint",
                self.autoencoder_group,
                flow,
                terms=self._joint_terms,
                weights={"reconstruction": 1.0, "nll": 1.0},
            ),
        )

    def _joint_terms(self, batch, *, seed, training):
        image = batch["image"]
        noise = tf.random.stateless_normal(tf.shape(image), seed)
        z = self._encode(image + self.noise * noise, training=training)
        logits = self.decoder(z, training=training)
        # Protects the encoder: the flow would shrink its latents towards zero.
        nll = -self.prior.log_prob_of_normal(tf.stop_gradient(z), training=training)
        return {"reconstruction": self.reconstruction(image, logits), "nll": nll}
