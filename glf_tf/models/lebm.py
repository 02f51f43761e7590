# SPDX-License-Identifier: Apache-2.0
"""LEBM: a generator with an energy-based prior, learned with Langevin inference.

Pang, Han, Nijkamp, Zhu, Wu: Learning Latent Space Energy-Based Prior Model, 2020, and
its released code. https://arxiv.org/abs/2006.08205
"""

__all__ = ["LEBM"]

from collections.abc import Mapping

import keras
import tensorflow as tf

from glf_tf import checks, seeds, types
from glf_tf.inference import langevin, sampler
from glf_tf.models import inferred
from glf_tf.priors import energy
from glf_tf.training import stages as stages_lib


@keras.saving.register_keras_serializable(package="glf_tf")
class LEBM(inferred.AbstractInferred):
    """A generator with the prior N(0, I), tilted by a learned energy.

        z ~ K Langevin steps on log p(x | z) + log p(z), from N(0, I)
        y ~ K_0 Langevin steps on log p(z) = -E(z) - |z|^2 / 2, from N(0, I)
        loss of the generator = mean(-log p(x | z)),  x ~ N(g(z), sigma^2 I)
        loss of the energy    = mean(E(z)) - mean(E(y))

    The second loss has the gradient of the prior's negative log-likelihood of z. A
    sample is decoded from its own chain.

    Args:
        image_shape: (height, width, channels).
        energy_hidden: Width of the energy's two hidden layers.
        prior_steps: K_0, steps of the prior's chains.
        prior_step_size: The paper's s of the prior's chains.
        **kwargs: As in `AbstractInferred`.
    """

    def __init__(
        self,
        image_shape: types.ImageShape,
        *,
        energy_hidden: int = 200,
        prior_steps: int = 60,
        prior_step_size: float = 0.4,
        name: str | None = "lebm",
        **kwargs,
    ):
        super().__init__(
            image_shape, start="normal", num_images=None, name=name, **kwargs
        )
        checks.at_least("energy_hidden", energy_hidden, 1)
        checks.at_least("prior_steps", prior_steps, 1)
        checks.positive("prior_step_size", prior_step_size)
        self._prior = energy.LatentEnergy(
            self.latent_dim,
            hidden=energy_hidden,
            chain=langevin.Langevin(steps=prior_steps, step_size=prior_step_size),
        )
        self.built = True

    @property
    def prior(self) -> energy.LatentEnergy:
        """The unnormalised tilted normal density."""
        return self._prior

    def stages(self) -> tuple[stages_lib.Stage, ...]:
        """Returns a stage of two updates, each with its own optimiser."""
        generator = stages_lib.Update(
            "generator",
            (self.generator_group,),
            terms=self.posterior_terms,
            weights=self.posterior_weights,
        )
        chains = [f"prior_{name}" for name in sampler.DIAGNOSTICS]
        measured = ["energy_of_posterior", "energy_of_prior", *chains]
        prior = stages_lib.Update(
            "prior",
            (stages_lib.Group("prior", (self.prior,)),),
            terms=self._prior_terms,
            weights={"contrast": 1.0, **dict.fromkeys(measured, 0.0)},
        )
        joint = stages_lib.Stage("joint", (generator, prior), infer=self.infer_batch)
        return self.sharpened(joint)

    def infer_batch(self, batch: types.Batch, *, seed: tf.Tensor) -> types.Batch:
        """Returns the batch with latents of the posterior, "z", and prior, "z_prior".

        Diagnostics of the chains are "posterior_..." and "prior_...".
        """
        posterior_seed, prior_seed = seeds.split(seed, 2)
        batch = super().infer_batch(batch, seed=posterior_seed)
        chains = self.prior.run(tf.shape(batch["z"])[0], seed=prior_seed)
        return {**batch, "z_prior": chains.z, **chains.diagnostics("prior")}

    def _prior_terms(
        self, batch: types.Batch, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        """Returns "contrast" and its parts, `[batch]`."""
        del seed  # no randomness
        above = self.prior.energy(batch["z"], training=training)
        below = self.prior.energy(batch["z_prior"], training=training)
        chains = {name: batch[name] for name in batch if name.startswith("prior_")}
        return {
            **chains,
            "contrast": above - below,
            "energy_of_posterior": above,
            "energy_of_prior": below,
        }

    @property
    def advice(self) -> Mapping[str, str]:
        """Advice for diverged chains of either kind."""
        advice = "Lower --prior_step_size or the learning rate of the prior"
        return {
            **super().advice,
            "prior_divergence": advice,
            "prior_energy": advice,
        }
