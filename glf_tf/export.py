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
    infer        image [b, h, w, c], mask [b, h, w, 1],        z [b, latent_dim]
                 seed [2] int32
    inpaint      the same                                      image [b, h, w, c]
    score        image [b, h, w, c]                            score, log_likelihood,
                                                               log_prior [b], nats

Images are float32 in [0, 1], masks 1 where a pixel is visible; the batch is free. What
a model cannot do has no signature: `encode`, `reconstruct`, `log_prob` and
`interpolate` take an encoder, `infer` and `inpaint` a reconstruction term that is a sum
over pixels, and all but `sample` a density of latents. The same seed gives the same
images as the Python model.

`infer` runs the model's own chains towards p(z | visible pixels), from the encoder's
latents where there is an encoder. `score` is `-(log_likelihood + log_prior)` at the
encoder's latents, or where chains of seed 0 end; larger for what is less expected.
"""

__all__ = ["export", "check"]

import errno
import pathlib
import re
from collections.abc import Callable

import tensorflow as tf

from glf_tf import folders
from glf_tf.models import autoencoder, latent
from glf_tf.models import model as model_lib
from glf_tf.objectives import reconstruction
from glf_tf.priors import prior as prior_lib

_SEED = (0, 0)
_KIND = "export"

# What versions before the mark left in the folder of a run.
_UNMARKED = re.compile(
    r"saved_model\.pb|fingerprint\.pb|variables/variables\.(index|data-\d{5}-of-\d{5})"
)


def check(folder: pathlib.Path) -> None:
    """Checks that a model may be exported to a folder.

    Raises:
        Occupied: It holds what is no export of ours.
    """
    folders.check(folder, kind=_KIND)


def export(
    model: model_lib.GenerativeModel,
    folder: pathlib.Path,
    *,
    is_of_run: bool = False,
) -> tuple[str, ...]:
    """Writes a SavedModel, with our mark `glf_tf.json` beside it.

    Args:
        model: The model.
        folder: Where to: an empty folder, or an export of ours, which it replaces when
            it is whole.
        is_of_run: Whether it is the `saved_model/` of a run: then one without a mark,
            which versions before the mark wrote, is replaced as well, and what somebody
            put beside it stays.

    Returns:
        signatures: The names of the signatures that the model has.

    Raises:
        Occupied: The folder holds something else.
        OSError: It cannot be written; an export that was there still is.
    """
    module, signatures = _module(model)
    of_run = {"unmarked": _UNMARKED, "is_shared": True} if is_of_run else {}
    with folders.replacing(folder, kind=_KIND, **of_run) as aside:
        try:
            tf.saved_model.save(module, str(aside), signatures=signatures)
        except tf.errors.OpError as error:  # such as a full disk
            raise OSError(errno.EIO, error.message) from error
    return tuple(sorted(signatures))


def _module(
    model: model_lib.GenerativeModel,
) -> tuple[tf.Module, dict[str, Callable]]:
    """Returns what is saved, and its signatures."""
    signatures = _sample_signature(model)
    if isinstance(model, autoencoder.AbstractAutoencoder):
        signatures |= _autoencoder_signatures(model)
    if isinstance(model, latent.AbstractLatentModel):
        signatures |= _latent_signatures(model)
    module = tf.Module(name=model.name)
    # Keras holds its variables where `tf.Module` does not look for them.
    module.model_variables = [variable.value for variable in model.variables]
    module.signature_functions = signatures
    return module, signatures


def _sample_signature(model: model_lib.GenerativeModel) -> dict[str, Callable]:
    def sample(num_samples, seed, temperature):
        return {"image": model.sample(num_samples, seed=seed, temperature=temperature)}

    return {
        "sample": tf.function(sample, autograph=False).get_concrete_function(
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


def _latent_signatures(model: latent.AbstractLatentModel) -> dict[str, Callable]:
    has_encoder = isinstance(model, autoencoder.AbstractAutoencoder)
    takes_masks = isinstance(model.reconstruction, reconstruction.AbstractPixelwise)

    # One function for all signatures, so that the loop is in the file once.
    @tf.function(reduce_retracing=True, autograph=False)
    def inferred(image, mask, seed):
        start = model.first_latents(image, mask, seed=seed) if has_encoder else None
        seen = mask if takes_masks else None
        return model.infer_latents(image, seen, seed=seed, start=start).z

    def score(image):
        whole = tf.ones_like(image[..., :1])
        z = model.encode(image) if has_encoder else inferred(image, whole, _SEED)
        log_prior, log_joint = model.log_prob(z), model.log_joint(image, z)
        return {
            "score": -log_joint,
            "log_likelihood": log_joint - log_prior,
            "log_prior": log_prior,
        }

    signatures = {"score": _traced(score, image=_image(model))}
    if not takes_masks:
        return signatures
    inputs = {
        "image": _image(model),
        "mask": tf.TensorSpec([None, *model.image_shape[:2], 1], name="mask"),
        "seed": tf.TensorSpec([2], tf.int32, name="seed"),
    }
    return signatures | {
        "infer": _traced(
            lambda image, mask, seed: {"z": inferred(image, mask, seed)}, **inputs
        ),
        "inpaint": _traced(
            lambda image, mask, seed: {
                "image": model.decode(inferred(image, mask, seed))
            },
            **inputs,
        ),
    }


def _image(model: model_lib.GenerativeModel, name: str = "image") -> tf.TensorSpec:
    return tf.TensorSpec([None, *model.image_shape], tf.float32, name=name)


def _traced(function: Callable, **inputs: tf.TensorSpec) -> Callable:
    return tf.function(function, autograph=False).get_concrete_function(**inputs)
