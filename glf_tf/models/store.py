# SPDX-License-Identifier: Apache-2.0
"""Latents of training images that are kept from step to step."""

__all__ = ["LatentStore"]

import keras
import tensorflow as tf
from keras import layers


class LatentStore(layers.Layer):
    """A latent for each training image, drawn from N(0, I) at the start.

    They are weights that no optimiser trains, so that a resumed run has them. Every
    replica has a copy of all of them, and writes what all replicas found.
    """

    def __init__(self, num_images: int, latent_dim: int, *, name: str = "store"):
        """Draws the latents.

        Args:
            num_images: Size of the training set.
            latent_dim: Size of the latents.
            name: Keras' own.
        """
        super().__init__(name=name, dtype=keras.config.floatx())
        # `add_weight` does not know "on_read": a copy a replica, none of them summed.
        with keras.name_scope(name):
            self.rows = keras.Variable(
                keras.initializers.RandomNormal(stddev=1.0),
                shape=(num_images, latent_dim),
                dtype=self.variable_dtype,
                trainable=False,
                synchronization="on_read",
                aggregation="only_first_replica",
                name="rows",
            )
        self.built = True

    def read(self, index: tf.Tensor) -> tf.Tensor:
        """Returns the latents of images, `[batch, latent_dim]`."""
        return tf.gather(tf.convert_to_tensor(self.rows.value), index)

    def write(self, index: tf.Tensor, z: tf.Tensor) -> None:
        """Keeps the latents of images."""
        context = tf.distribute.get_replica_context()
        if context.num_replicas_in_sync > 1:
            # What an iterator gives is on no device yet, as gathering needs it.
            index, z = tf.identity(index), tf.identity(z)
            index, z = context.all_gather(index, axis=0), context.all_gather(z, axis=0)
        rows = tf.convert_to_tensor(self.rows.value)
        self.rows.assign(tf.tensor_scatter_nd_update(rows, index[:, None], z))
