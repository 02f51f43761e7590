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

What is no image gets none: where a visible pixel is NaN or outside of [0, 1], a mask
neither 0 nor 1, or a latent not finite, that row of the outputs is NaN, and no other is
touched. So are samples of a temperature that is negative or not finite. Hidden pixels
do not count, whatever they are.

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
from glf_tf.models import inputs as inputs_lib
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
        (start, end), is_fit = _fit_images(start, end)
        ends = model.encode(start), model.encode(end)
        has_noise = isinstance(model.prior, prior_lib.AbstractNoisePrior)
        space = "noise" if has_noise else "latent"
        images = model.interpolate(*ends, num_steps=num_steps, space=space)
        return _or_nan({"image": images}, is_fit)

    def of_image(name, function):
        def guarded(image):
            (image,), is_fit = _fit_images(image)
            return _or_nan({name: function(image)}, is_fit)

        return _traced(guarded, image=_image(model))

    def decode(z):
        is_fit = tf.reduce_all(tf.math.is_finite(z), axis=1)
        z = tf.where(is_fit[:, None], z, 0.0)
        return _or_nan({"image": model.decode(z)}, is_fit)

    return {
        "encode": of_image("z", model.encode),
        "decode": _traced(decode, z=z),
        "reconstruct": of_image("image", model.reconstruct),
        "log_prob": of_image("log_prob", lambda x: model.log_prob(model.encode(x))),
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
        (image,), is_fit = _fit_images(image)
        whole = tf.ones_like(image[..., :1])
        z = model.encode(image) if has_encoder else inferred(image, whole, _SEED)
        log_prior, log_joint = model.log_prob(z), model.log_joint(image, z)
        scores = {
            "score": -log_joint,
            "log_likelihood": log_joint - log_prior,
            "log_prior": log_prior,
        }
        return _or_nan(scores, is_fit)

    def infer(image, mask, seed):
        (image,), is_fit = _fit_images(inputs_lib.masked(image, mask))
        is_binary = tf.reduce_all((mask == 0) | (mask == 1), axis=[1, 2, 3])
        mask = tf.where(is_binary[:, None, None, None], mask, 1.0)
        return inferred(image, mask, seed), is_fit & is_binary

    def infer_only(image, mask, seed):
        z, is_fit = infer(image, mask, seed)
        return _or_nan({"z": z}, is_fit)

    def inpaint(image, mask, seed):
        z, is_fit = infer(image, mask, seed)
        return _or_nan({"image": model.decode(z)}, is_fit)

    signatures = {"score": _traced(score, image=_image(model))}
    if not takes_masks:
        return signatures
    inputs = {
        "image": _image(model),
        "mask": tf.TensorSpec([None, *model.image_shape[:2], 1], name="mask"),
        "seed": tf.TensorSpec([2], tf.int32, name="seed"),
    }
    return signatures | {
        "infer": _traced(infer_only, **inputs),
        "inpaint": _traced(inpaint, **inputs),
    }


def _fit_images(*images: tf.Tensor) -> tuple[list[tf.Tensor], tf.Tensor]:
    """Returns images, grey where one of a row is none, and which rows are, `[batch]`.

    Grey, so that no row disturbs another: chains stop where one of them diverges.
    """
    low, high = -inputs_lib.SLACK, 1.0 + inputs_lib.SLACK
    is_fit = tf.reduce_all(
        [
            # NaN compares as false.
            tf.reduce_all((low <= one) & (one <= high), axis=[1, 2, 3])
            for one in images
        ],
        axis=0,
    )
    return [tf.where(is_fit[:, None, None, None], x, 0.5) for x in images], is_fit


def _or_nan(outputs: dict[str, tf.Tensor], is_fit: tf.Tensor) -> dict[str, tf.Tensor]:
    """Returns outputs with NaN in the rows that are not fit."""

    def guarded(output):
        rows = tf.reshape(is_fit, [-1, *[1] * (output.shape.rank - 1)])
        nan = tf.constant(float("nan"), output.dtype)
        return tf.where(rows, output, nan)

    return {name: guarded(output) for name, output in outputs.items()}


def _image(model: model_lib.GenerativeModel, name: str = "image") -> tf.TensorSpec:
    return tf.TensorSpec([None, *model.image_shape], tf.float32, name=name)


def _traced(function: Callable, **inputs: tf.TensorSpec) -> Callable:
    return tf.function(function, autograph=False).get_concrete_function(**inputs)
