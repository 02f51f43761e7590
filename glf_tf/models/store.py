# SPDX-License-Identifier: Apache-2.0
"""A store of the latents of training images, kept between steps."""

__all__ = ["LatentStore"]

import keras
import tensorflow as tf
from keras import layers


class LatentStore(layers.Layer):
    """A latent for each training image, initially drawn from N(0, I).

    They are non-trainable weights, so that a resumed run has them. Every replica has a
    copy of all latents, and writes the updates of all replicas.
    """

    def __init__(self, num_images: int, latent_dim: int, *, name: str = "store"):
        """Initializes the store with random latents.

        Args:
            num_images: Size of the training set.
            latent_dim: Size of the latents.
            name: Name of the Keras layer.
        """
        super().__init__(name=name, dtype=keras.config.floatx())
        # `add_weight` does not support "on_read", with one copy per replica.
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
        """Stores latents `[batch, latent_dim]` of the images with indices `[batch]`."""
        context = tf.distribute.get_replica_context()
        if context.num_replicas_in_sync > 1:
            # An iterator's elements are not yet on a device, as gathering needs.
            index, z = tf.identity(index), tf.identity(z)
            index, z = context.all_gather(index, axis=0), context.all_gather(z, axis=0)
        rows = tf.convert_to_tensor(self.rows.value)
        self.rows.assign(tf.tensor_scatter_nd_update(rows, index[:, None], z))
