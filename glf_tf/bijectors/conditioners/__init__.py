# SPDX-License-Identifier: Apache-2.0
"""Networks of couplings on images: from one half to the other's shift and scale.

One file a network: a Keras layer made of the input's shape and the number of output
channels, whose last convolution starts at zero, so that a coupling starts as the
identity. `start` sets what starts from data.
"""
