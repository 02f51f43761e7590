# SPDX-License-Identifier: Apache-2.0
"""Masked autoregressive flow: densities take one pass, draws one a coordinate.

Papamakarios, Pavlakou, Murray: Masked Autoregressive Flow for Density Estimation, 2017.
https://arxiv.org/abs/1705.07057
"""

__all__ = ["MaskedAutoregressiveFlow"]

import keras

from glf_tf.flows import autoregressive_flow


@keras.saving.register_keras_serializable(package="glf_tf")
class MaskedAutoregressiveFlow(autoregressive_flow.AbstractMaskedFlow):
    """Fast towards noise: for likelihoods, and so for training on data.

    Draws cost `event_dim` passes through each block's network, one after the other.
    """

    fast = "density"
