# SPDX-License-Identifier: Apache-2.0
"""The signatures of exported models; `glf_tf.export` lists them."""

__all__ = [
    "fit_labels",
    "fit_rows",
    "of_anomalies",
    "of_codes",
    "of_decoder",
    "of_inferred_labels",
    "of_labels",
    "of_latents",
    "of_noise",
    "of_samples",
    "or_nan",
    "samples_of_labels",
    "traced",
]

from collections.abc import Callable

import keras
import tensorflow as tf

from glf_tf.data import pixels
from glf_tf.models import inputs as inputs_lib
from glf_tf.objectives import reconstruction

_SEED = (0, 0)


def of_samples(model: keras.Model) -> dict[str, Callable]:
    """Returns the signature of all models."""
    name = _example(model)

    def sample(num_samples, seed, temperature):
        return {name: model.sample(num_samples, seed=seed, temperature=temperature)}

    return {
        "sample": tf.function(sample, autograph=False).get_concrete_function(
            num_samples=tf.TensorSpec([], tf.int32, name="num_samples"),
            seed=tf.TensorSpec([2], tf.int32, name="seed"),
            temperature=tf.TensorSpec([], tf.float32, name="temperature"),
        )
    }


def of_codes(
    model: keras.Model, *, log_prob: Callable | None = None
) -> dict[str, Callable]:
    """Returns the signatures of a model with an encoder.

    Args:
        model: The model.
        log_prob: The log-probability of images of 8 bits; by default it is the
            log-density of their latents.
    """
    fit_scored = _fit_levels if log_prob else _fit_images
    log_prob = log_prob or (lambda image: model.log_prob(model.encode(image)))

    def interpolate(start, end, num_steps):
        (start, end), is_fit = _fit_images(start, end)
        ends = model.encode(start), model.encode(end)
        space = "noise" if model.prior.has_noise_space else "latent"
        images = model.interpolate(*ends, num_steps=num_steps, space=space)
        return or_nan({"image": images}, is_fit)

    def of_image(name, function, *, fit=_fit_images):
        def guarded(image):
            (image,), is_fit = fit(image)
            return or_nan({name: function(image)}, is_fit)

        return traced(guarded, image=_image(model))

    return {
        "encode": of_image("z", model.encode),
        "reconstruct": of_image("image", model.reconstruct),
        "log_prob": of_image("log_prob", log_prob, fit=fit_scored),
        "interpolate": traced(
            interpolate,
            start=_image(model, "start"),
            end=_image(model, "end"),
            num_steps=tf.TensorSpec([], tf.int32, name="num_steps"),
        ),
    }


def of_decoder(model: keras.Model) -> dict[str, Callable]:
    """Returns the signature of a model with latents."""
    z = tf.TensorSpec([None, model.latent_dim], tf.float32, name="z")

    def decode(z):
        z, is_fit = fit_rows(z)
        return or_nan({"image": model.decode(z)}, is_fit)

    return {"decode": traced(decode, z=z)}


def of_noise(model: keras.Model) -> dict[str, Callable]:
    """Returns the signature of examples of given noise, if the model has such a map.

    It has no random operation: who calls it draws the noise.
    """
    if not model.noise_dim:
        return {}

    def decode_noise(noise, temperature, label=None):
        noise, is_fit = fit_rows(noise)
        if label is not None:
            label, is_label = fit_labels(label, model.num_classes)
            is_fit &= is_label
        made = model.decode_noise(noise, temperature=temperature, label=label)
        return or_nan({_example(model): made}, is_fit)

    asked = {
        "noise": tf.TensorSpec([None, model.noise_dim], tf.float32, name="noise"),
        "temperature": tf.TensorSpec([], tf.float32, name="temperature"),
    }
    if not model.num_classes:
        return {"decode_noise": traced(decode_noise, **asked)}
    label = tf.TensorSpec([None], tf.int32, name="label")
    return {"decode_noise_of_labels": traced(decode_noise, **asked, label=label)}


def fit_rows(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns numbers with invalid rows set to 0, and bool `[batch]` for valid rows."""
    is_fit = tf.reduce_all(tf.math.is_finite(x), axis=1)
    return tf.where(is_fit[:, None], x, 0.0), is_fit


def of_labels(
    model: keras.Model, *, log_prob: Callable | None = None
) -> dict[str, Callable]:
    """Returns the signatures of a model that is conditional on labels.

    Args:
        model: The model.
        log_prob: As for `of_codes`, with an argument `label`.
    """
    fit_scored = _fit_levels if log_prob else _fit_images
    log_prob_of = log_prob or (
        lambda image, *, label: model.log_prob(model.encode(image), label=label)
    )
    label = tf.TensorSpec([None], tf.int32, name="label")

    def log_prob_given(image, label):
        (image,), is_image = fit_scored(image)
        label, is_label = fit_labels(label, model.num_classes)
        found = log_prob_of(image, label=label)
        return or_nan({"log_prob": found}, is_image & is_label)

    given = {"image": _image(model), "label": label}
    return {
        **samples_of_labels(model),
        "log_prob_of_labels": traced(log_prob_given, **given),
        "label_log_probs": _label_log_probs(model, fit=fit_scored),
    }


def of_inferred_labels(model: keras.Model) -> dict[str, Callable]:
    """Returns those of `of_labels` of a model that infers latents by chains."""
    found = _label_log_probs(model, fit=_fit_images)
    return {**samples_of_labels(model), "label_log_probs": found}


def _label_log_probs(model: keras.Model, *, fit: Callable) -> Callable:
    def label_log_probs(image):
        (image,), is_fit = fit(image)
        return or_nan({"label_log_probs": model.label_log_probs(image)}, is_fit)

    return traced(label_log_probs, image=_image(model))


def samples_of_labels(model: keras.Model) -> dict[str, Callable]:
    """Returns the signatures of samples given labels, and of guided ones if any."""

    def sample(label, seed, temperature, guidance=None):
        label, is_fit = fit_labels(label, model.num_classes)
        how = {"seed": seed, "temperature": temperature, "guidance": guidance}
        drawn = model.sample(tf.size(label), label=label, **how)
        return or_nan({_example(model): drawn}, is_fit)

    asked = {
        "label": tf.TensorSpec([None], tf.int32, name="label"),
        "seed": tf.TensorSpec([2], tf.int32, name="seed"),
        "temperature": tf.TensorSpec([], tf.float32, name="temperature"),
    }
    found = {"sample_of_labels": traced(sample, **asked)}
    if model.is_guidable:
        factor = tf.TensorSpec([], tf.float32, name="guidance")
        found["sample_guided"] = traced(sample, **asked, guidance=factor)
    return found


def fit_labels(label: tf.Tensor, num_classes: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns labels with invalid ones set to 0, and bool `[batch]` for valid ones."""
    is_fit = (label >= 0) & (label < num_classes)
    return tf.where(is_fit, label, 0), is_fit


def _example(model: keras.Model) -> str:
    """Returns what one example is called, "image" or "vector"."""
    return model.example_kind.noun.removesuffix("s")


def of_latents(model: keras.Model) -> dict[str, Callable]:
    """Returns the signatures of a latent variable model."""
    inferred = _inference(model)
    scores = {"score": traced(_score(model, inferred), image=_image(model))}
    if not isinstance(model.reconstruction, reconstruction.AbstractPixelwise):
        return scores
    inputs = {
        "image": _image(model),
        "mask": tf.TensorSpec([None, *model.image_shape[:2], 1], name="mask"),
        "seed": tf.TensorSpec([2], tf.int32, name="seed"),
    }
    masked = _with_masks(model, inferred)
    return scores | {name: traced(masked[name], **inputs) for name in masked}


def _inference(model: keras.Model) -> Callable:
    """Returns the function from images, masks and a seed to latents, of chains."""
    has_encoder = hasattr(model, "encode")
    takes_masks = isinstance(model.reconstruction, reconstruction.AbstractPixelwise)

    # One function for all signatures, so that the file has the loop once.
    @tf.function(reduce_retracing=True, autograph=False)
    def inferred(image, mask, seed):
        size = tf.shape(image)[0]
        image, mask = _at_least_one(image), _at_least_one(mask)
        start = model.first_latents(image, mask, seed=seed) if has_encoder else None
        seen = mask if takes_masks else None
        return model.infer_latents(image, seen, seed=seed, start=start).z[:size]

    return inferred


def _at_least_one(x: tf.Tensor) -> tf.Tensor:
    """Returns a batch as it is, or one row of ones: gradients fail on empty batches."""
    lacking = tf.maximum(1 - tf.shape(x)[0], 0)
    padding = [[0, lacking], *[[0, 0]] * (x.shape.rank - 1)]
    return tf.pad(x, padding, constant_values=1.0)


def _score(model: keras.Model, inferred: Callable) -> Callable:
    """Returns the function from images to their densities beside their latents."""
    has_encoder = hasattr(model, "encode")

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
        return or_nan(scores, is_fit)

    return score


def of_anomalies(model: keras.Model) -> dict[str, Callable]:
    """Returns the signature of a model with scores of anomalies of its own."""

    def score(image):
        (image,), is_fit = _fit_images(image)
        terms = model.anomaly_terms(image)
        return or_nan({"score": tf.add_n(list(terms.values())), **terms}, is_fit)

    return {"score": traced(score, image=_image(model))}


def _with_masks(model: keras.Model, inferred: Callable) -> dict[str, Callable]:
    """Returns the functions of images of which pixels are hidden, by signature."""

    def fit_latents(image, mask, seed):
        (image,), is_fit = _fit_images(inputs_lib.masked(image, mask))
        is_binary = tf.reduce_all((mask == 0) | (mask == 1), axis=[1, 2, 3])
        mask = tf.where(is_binary[:, None, None, None], mask, 1.0)
        return inferred(image, mask, seed), is_fit & is_binary

    def infer(image, mask, seed):
        z, is_fit = fit_latents(image, mask, seed)
        return or_nan({"z": z}, is_fit)

    def inpaint(image, mask, seed):
        z, is_fit = fit_latents(image, mask, seed)
        return or_nan({"image": model.decode(z)}, is_fit)

    return {"infer": infer, "inpaint": inpaint}


def _fit_images(*images: tf.Tensor) -> tuple[list[tf.Tensor], tf.Tensor]:
    """Returns images with invalid rows set to grey, and bool `[batch]` for valid rows.

    Grey, so that invalid rows do not affect others: all chains stop if one diverges.
    """
    low, high = -pixels.SLACK, 1.0 + pixels.SLACK
    is_fit = tf.reduce_all(
        [
            # NaN compares as false.
            tf.reduce_all((low <= image) & (image <= high), axis=[1, 2, 3])
            for image in images
        ],
        axis=0,
    )
    return [tf.where(is_fit[:, None, None, None], x, 0.5) for x in images], is_fit


def _fit_levels(image: tf.Tensor) -> tuple[list[tf.Tensor], tf.Tensor]:
    """Returns the same of images whose values are to be multiples of 1/255."""
    (image,), is_fit = _fit_images(image)
    off = tf.abs(255.0 * image - tf.round(255.0 * image))
    is_whole = tf.reduce_max(off, axis=[1, 2, 3]) <= 255.0 * pixels.SLACK
    return [image], is_fit & is_whole


def or_nan(outputs: dict[str, tf.Tensor], is_fit: tf.Tensor) -> dict[str, tf.Tensor]:
    """Returns outputs with NaN in invalid rows."""

    def guarded(output):
        rows = tf.reshape(is_fit, [-1, *[1] * (output.shape.rank - 1)])
        nan = tf.constant(float("nan"), output.dtype)
        return tf.where(rows, output, nan)

    return {name: guarded(output) for name, output in outputs.items()}


def _image(model: keras.Model, name: str = "image") -> tf.TensorSpec:
    return tf.TensorSpec([None, *model.image_shape], tf.float32, name=name)


def traced(function: Callable, **inputs: tf.TensorSpec) -> Callable:
    """Returns a function traced for inputs of these shapes and types.

    It fails for others: a graph alone would take pixels of one shape for another.
    """

    def checked(**given):
        fit = {key: tf.ensure_shape(x, inputs[key].shape) for key, x in given.items()}
        return function(**fit)

    return tf.function(checked, autograph=False).get_concrete_function(**inputs)
