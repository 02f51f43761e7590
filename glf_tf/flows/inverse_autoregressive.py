# SPDX-License-Identifier: Apache-2.0
"""Inverse autoregressive flow: draws take one pass, densities one a coordinate.

Kingma, Salimans, Jozefowicz, Chen, Sutskever, Welling: Improving Variational Inference
with Inverse Autoregressive Flow, 2016. https://arxiv.org/abs/1606.04934
"""

__all__ = ["InverseAutoregressiveFlow"]

import keras

from glf_tf.flows import autoregressive_flow


@keras.saving.register_keras_serializable(package="glf_tf")
class InverseAutoregressiveFlow(autoregressive_flow.AbstractMaskedFlow):
    """Fast towards data: for draws, and for the densities of these.

    The density of given vectors, and so training on data, costs `event_dim` passes
    through each block's network, one after the other, and the gradient through them.
    """

    fast = "sampling"
