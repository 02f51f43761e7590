# SPDX-License-Identifier: Apache-2.0
"""Generative models with a flow in the latent space, in TensorFlow and Keras.

Import the module that you need: `from glf_tf.models import glf`. This file imports
nothing, so that only the modules in use are loaded.
"""

__version__ = "0.1.0"
