# SPDX-License-Identifier: Apache-2.0
"""Generative models with a flow in the latent space, in TensorFlow and Keras.

Import the module that you need: `from glf_tf.models import glf`. This file imports
nothing, so that only the modules in use are loaded. Trained models are one call away:

    images = glf_tf.load("glf/digits").sample(16, seed=0)  # [16, 8, 8, 1] in [0, 1]
"""

__all__ = ["load", "presets"]

__version__ = "0.1.0"


def load(source, **how):
    """Returns a trained model: a preset, a run's folder, or a `.keras` file.

    Args:
        source: The name of a preset, such as "glf/digits", or a path.
        **how: `which` and `custom_objects`, as of `glf_tf.experiments.trained.load`.

    Raises:
        NotFound: There is no such preset, file or folder; or no run in it.
        InvalidType: The file has a model of another library.
        Damaged: A file is truncated or changed.
    """
    from glf_tf import quiet

    quiet.load_tensorflow()
    from glf_tf.experiments import trained

    return trained.load(source, **how)


def presets():
    """Returns the trained models that come with the library, by name.

    Each is a `glf_tf.experiments.presets.Preset`, which knows how it was trained and
    what was measured; print one to see. `load` takes the names.
    """
    from glf_tf.experiments import presets as found

    return found.known()
