# SPDX-License-Identifier: Apache-2.0
"""Networks of flow steps: from a part of an example to the parameters of the rest.

On images, one file a network: a Keras layer made of the input's shape and the number of
output channels, whose last convolution starts at zero, so that a coupling starts as the
identity. `start` sets what starts from data. On vectors, `residual_mlp.py` has the
network of spline couplings; `made.py` and `causal_transformer.py` have those of
autoregressive steps, of which `autoregressive.py` says what they can.
"""
