# SPDX-License-Identifier: Apache-2.0
"""The stage of an autoencoder whose reconstructions a critic may judge."""

__all__ = ["Contested", "made_reconstruction"]

import abc
from collections.abc import Callable, Mapping

import keras
import tensorflow as tf

from glf_tf import errors, parts, seeds, types
from glf_tf.layers import replicas
from glf_tf.objectives import adaptive_weight, contested, reconstruction
from glf_tf.training import delayed, stages

_OF_CRITIC = ("critic_real", "critic_made")


class Contested(abc.ABC):
    """A model whose stage that reconstructs may have a critic's update before its own.

    Attributes:
        takes_critic: Whether its `stages` has this stage from `reconstructing`.
    """

    takes_critic = False
    reconstruction: reconstruction.AbstractReconstruction
    decoder: keras.layers.Layer
    latent_dim: int

    @abc.abstractmethod
    def drawn_latents(
        self, image: tf.Tensor, *, seed: tf.Tensor, training: bool
    ) -> tf.Tensor:
        """Returns the latents of which a training step reconstructs images."""

    def reconstructing(
        self,
        name: str,
        *groups: stages.Group,
        terms: Callable[..., types.Terms],
        weights: Mapping[str, stages.Weight],
        **options,
    ) -> stages.Stage:
        """Returns a stage that has "reconstruction" among its terms.

        If there is a critic, its update comes first. The judgement's weight is in
        proportion to that of the reconstruction.

        Args:
            name: The name of the stage, and of the update that reconstructs.
            *groups: The groups of that update.
            terms: Its terms, with all of `self.reconstruction.terms` among them.
            weights: The weights of the others, and of "reconstruction".
            **options: Further attributes of the stage.
        """
        judge = self.reconstruction
        if not isinstance(judge, contested.AbstractContested):
            how = {"terms": terms, "weights": weights}
            return stages.Stage.of(name, *groups, **how, **options)
        critic = stages.Update(
            "critic",
            (stages.Group("critic", (judge.critic,)),),
            terms=self._critic_terms,
            weights=dict.fromkeys(_OF_CRITIC, _begun(1.0, judge.judgement)),
        )
        own = dict.fromkeys(judge.measured, 0.0)
        weight = weights["reconstruction"] * judge.judgement.weight
        own["judged"] = _begun(weight, judge.judgement)
        if judge.judgement.is_adaptive:
            terms, own["adaptive_weight"] = self._adapted(terms), 0.0
        update = stages.Update(name, groups, terms=terms, weights={**weights, **own})
        return stages.Stage(name, (critic, update), **options)

    def _critic_terms(
        self, batch: types.Batch, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        """Returns "critic_real" and "critic_made", each `[batch]`."""
        of_z, of_noise = seeds.split(seed, 2)
        image = batch["image"]
        # As the autoencoder's next update decodes, so that the moving averages of batch
        # normalisation are updated twice per batch.
        z = self.drawn_latents(image, seed=of_z, training=training)
        logits = self.decoder(z, training=training)
        how = {"seed": of_noise, "training": training}
        return self.reconstruction.critic_terms(image, logits, **how)

    def _adapted(self, terms: Callable[..., types.Terms]) -> Callable[..., types.Terms]:
        """Returns terms in which "judged" has the weight that its gradient calls for.

        With "adaptive_weight", `[]`.
        """
        kernel = last_kernel(self.decoder, latent_dim=self.latent_dim).value

        def adapted(batch, *, seed, training):
            with tf.GradientTape(True, watch_accessed_variables=False) as tape:
                tape.watch(kernel)
                found = terms(batch, seed=seed, training=training)
                error = tf.reduce_mean(found["reconstruction"])
                judged = tf.reduce_mean(found["judged"])
            slopes = [tape.gradient(value, kernel) for value in (error, judged)]
            # In evaluation, devices do not have equally many batches.
            slopes = [replicas.mean(slope) for slope in slopes] if training else slopes
            weight = adaptive_weight.adaptive_weight(*slopes)
            scaled = tf.cast(weight, found["judged"].dtype) * found["judged"]
            return {**found, "judged": scaled, "adaptive_weight": weight}

        return adapted


def last_kernel(decoder: keras.layers.Layer, *, latent_dim: int) -> keras.Variable:
    """Returns the last kernel that a decoder uses.

    A user's decoder may have made its layers in another order than it calls them in.

    Args:
        decoder: The decoder.
        latent_dim: Size of its latents.

    Raises:
        Unsupported: It has no kernel that is trained.
    """
    trained = {id(v) for v in decoder.trainable_variables if len(v.shape) > 1}
    with _Reads() as scope:
        decoder(tf.zeros([1, latent_dim]), training=False)
    kernels = [variable for variable in scope.read if id(variable) in trained]
    if not kernels:
        raise errors.Unsupported(
            "The weight of a judgement follows the gradients at the decoder's last "
            "kernel",
            received=f"a decoder {decoder.name} without one that is trained",
            do="Use --noreconstruction.adaptive",
        )
    return kernels[-1]


class _Reads(keras.StatelessScope):
    """A scope that notes the variables that are read in it, in order."""

    def __init__(self):
        super().__init__()
        self.read: list[keras.Variable] = []

    def get_current_value(self, variable):
        """Returns the value that a variable has in this scope, None for its own."""
        self.read.append(variable)
        return super().get_current_value(variable)


def made_reconstruction(
    model: keras.Model, value: types.Reconstruction
) -> reconstruction.AbstractReconstruction:
    """Returns the reconstruction term of a model of images.

    Raises:
        Unsupported: It has a critic, and the model has no update for it.
    """
    made = parts.make("reconstruction", value, image_shape=model.image_shape)
    takes = isinstance(model, Contested) and model.takes_critic
    if isinstance(made, contested.AbstractContested) and not takes:
        raise errors.Unsupported(
            "A reconstruction term with a critic needs a model that trains the critic",
            received=f"{type(made).__name__} in {type(model).__name__}",
            do="Use --model=glf, rae or vae, or another --reconstruction",
        )
    return made


def _begun(weight: float, judgement: contested.Judgement) -> stages.Weight:
    """Returns a weight that begins with the critic."""
    is_plain = judgement.start == 0 or weight == 0.0
    return weight if is_plain else delayed.Delayed(weight, start=judgement.start)
