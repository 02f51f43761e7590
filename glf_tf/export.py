# SPDX-License-Identifier: Apache-2.0
"""Exports a model as a SavedModel that needs nothing but `import tensorflow`.

    signature    inputs                                        outputs
    sample       num_samples [], seed [2] int32,               image [n, h, w, c]
                 temperature [] float32
    encode       image [b, h, w, c]                            z [b, latent_dim]
    decode       z [b, latent_dim]                             image [b, h, w, c]
    reconstruct  image [b, h, w, c]                            image [b, h, w, c]
    log_prob     image [b, h, w, c]                            log_prob [b], nats of z
    interpolate  start, end [b, h, w, c], num_steps [] int32   image [b, s, h, w, c]

Images are float32 in [0, 1]; the batch is free. A model without an encoder has `sample`
alone. The same seed draws the same images as the Python model.
"""

__all__ = ["export"]

import pathlib
import shutil
from collections.abc import Callable

import tensorflow as tf

from glf_tf.models import autoencoder
from glf_tf.models import model as model_lib
from glf_tf.priors import prior as prior_lib


def export(model: model_lib.GenerativeModel, folder: pathlib.Path) -> tuple[str, ...]:
    """Writes a SavedModel, in place of what is in the folder.

    Args:
        model: The model.
        folder: Where to; written under a temporary name and renamed.

    Returns:
        signatures: The names of the signatures that the model has.
    """
    signatures = _sample_signature(model)
    if isinstance(model, autoencoder.AbstractAutoencoder):
        signatures |= _autoencoder_signatures(model)
    module = tf.Module(name=model.name)
    # Keras holds its variables where `tf.Module` does not look for them.
    module.model_variables = [variable.value for variable in model.variables]
    module.signature_functions = signatures
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.parent.mkdir(parents=True, exist_ok=True)
    tf.saved_model.save(module, str(partial), signatures=signatures)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    return tuple(sorted(signatures))


def _sample_signature(model: model_lib.GenerativeModel) -> dict[str, Callable]:
    def sample(num_samples, seed, temperature):
        return {"image": model.sample(num_samples, seed=seed, temperature=temperature)}

    return {
        "sample": tf.function(sample).get_concrete_function(
            num_samples=tf.TensorSpec([], tf.int32, name="num_samples"),
            seed=tf.TensorSpec([2], tf.int32, name="seed"),
            temperature=tf.TensorSpec([], tf.float32, name="temperature"),
        )
    }


def _autoencoder_signatures(
    model: autoencoder.AbstractAutoencoder,
) -> dict[str, Callable]:
    z = tf.TensorSpec([None, model.latent_dim], tf.float32, name="z")

    def interpolate(start, end, num_steps):
        ends = model.encode(start), model.encode(end)
        has_noise = isinstance(model.prior, prior_lib.AbstractNoisePrior)
        space = "noise" if has_noise else "latent"
        images = model.interpolate(*ends, num_steps=num_steps, space=space)
        return {"image": images}

    return {
        "encode": _traced(
            lambda image: {"z": model.encode(image)}, image=_image(model)
        ),
        "decode": _traced(lambda z: {"image": model.decode(z)}, z=z),
        "reconstruct": _traced(
            lambda image: {"image": model.reconstruct(image)}, image=_image(model)
        ),
        "log_prob": _traced(
            lambda image: {"log_prob": model.log_prob(model.encode(image))},
            image=_image(model),
        ),
        "interpolate": _traced(
            interpolate,
            start=_image(model, "start"),
            end=_image(model, "end"),
            num_steps=tf.TensorSpec([], tf.int32, name="num_steps"),
        ),
    }


def _image(model: model_lib.GenerativeModel, name: str = "image") -> tf.TensorSpec:
    return tf.TensorSpec([None, *model.image_shape], tf.float32, name=name)


def _traced(function: Callable, **inputs: tf.TensorSpec) -> Callable:
    return tf.function(function).get_concrete_function(**inputs)
