# SPDX-License-Identifier: Apache-2.0
"""Generative models with a flow in the latent space, in TensorFlow and Keras.

Import the module that you need: `from glf_tf.models import glf`. This file stays
empty, so that no part of the library is loaded before it is asked for.
"""

__version__ = "0.1.0"
