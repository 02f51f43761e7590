# SPDX-License-Identifier: Apache-2.0
"""Dropout whose masks a resumed run draws again.

Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov: Dropout: A Simple Way to
Prevent Neural Networks from Overfitting, 2014.
https://jmlr.org/papers/v15/srivastava14a.html
"""

__all__ = ["Dropout"]

import keras
import tensorflow as tf

from glf_tf import errors, seeds


@keras.saving.register_keras_serializable(package="glf_tf")
class Dropout(keras.layers.Layer):
    """Sets a share of units to zero in training, and scales the others up.

    The masks are a function of the seed, of the number of training batches before,
    which is a weight and so is saved, and of the replica. The layer of Keras has the
    same masks on every replica.
    """

    def __init__(self, rate: float, *, seed: int = 0, **kwargs):
        """Initializes the layer and its count.

        Args:
            rate: Share of units that are set to zero, from 0 to below 1.
            seed: Seed of the masks; no two layers of a model should have the same.
            **kwargs: Keyword arguments of `keras.layers.Layer`.

        Raises:
            InvalidValue: The rate is no such share.
        """
        super().__init__(**kwargs)
        if not 0.0 <= rate < 1.0:
            raise errors.InvalidValue(
                "The rate of dropout is the share of units that are set to zero",
                received=f"dropout={rate}",
                do="Use 0 for none, or for instance 0.1",
            )
        self._rate, self._seed = rate, seed
        self.count = self.add_weight(
            name="count",
            shape=(),
            dtype="int64",
            initializer="zeros",
            trainable=False,
            autocast=False,
            aggregation="only_first_replica",
        )
        self.built = True

    def call(self, x, training=False):
        """Returns the units, of the same shape."""
        if not training or self._rate == 0.0:
            return x
        count = tf.convert_to_tensor(self.count)
        self.count.assign(count + 1)
        replica = tf.distribute.get_replica_context()
        index = 0 if replica is None else replica.replica_id_in_sync_group
        return tf.nn.experimental.stateless_dropout(
            x, rate=self._rate, seed=seeds.fold(self._seed, count, index)
        )
