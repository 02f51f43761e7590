# SPDX-License-Identifier: Apache-2.0
"""Exports a model as a SavedModel that needs nothing but `import tensorflow`.

    signature    inputs                                        outputs
    sample       num_samples [], seed [2] int32,               image [n, h, w, c]
                 temperature [] float32
    decode_noise    noise [b, noise_dim], temperature []       image [b, h, w, c]
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
    sample_of_labels    label [n] int32, seed [2], temperature []  image [n, h, w, c]
    sample_guided       the same, guidance [] float32              image [n, h, w, c]
    decode_noise_of_labels    noise [b, noise_dim], label [b],     image [b, h, w, c]
                        temperature []
    log_prob_of_labels  image [b, h, w, c], label [b] int32        log_prob [b], nats
    label_log_probs     image [b, h, w, c]                         label_log_probs
                                                                   [b, num_classes]

`serving_default` is the first of `reconstruct`, `decode`, `log_prob` and `sample` that
the model has.

Images are float32 in [0, 1], masks 1 where a pixel is visible; the batch size is free,
and may be 0. A model only has the signatures that it supports: `encode`, `reconstruct`,
`log_prob` and `interpolate` need an encoder, `infer` and `inpaint` a reconstruction
term that is a sum over pixels, `score` a density of latents; those with labels need a
model that is conditional on them, `sample_guided` one whose samples may be guided by
them. The same seed gives the same images as the Python model; flows on images up to
rounding. Their `log_prob` is that of the images, which must be multiples of 1/255, in
nats.

`decode_noise` has no random operation: the caller draws the noise, N(0, 1) or as
`metadata.json` says. With noise of its own it draws as `sample` does. A model whose
prior is drawn from by chains has none; one that is conditional on labels has
`decode_noise_of_labels`.

Invalid rows of inputs give NaN in these rows of the outputs alone: visible pixels that
are NaN or outside of [0, 1], masks other than 0 and 1, latents and noise that are not
finite, and labels out of range. So do temperatures outside 0 to 1,000, and guidance
outside -1,000 to 1,000. Hidden pixels may have any value.

`infer` runs the model's own chains towards p(z | visible pixels), starting at the
encoder's latents if there is an encoder. `score` is `-(log_likelihood + log_prior)` at
the encoder's latents, or at the ends of chains of seed 0; larger for anomalies.

Inputs are the tensors `SIGNATURE_INPUT:0`, outputs `SIGNATURE:0` and so on in the
order of their names, also for C. Beside the graph there are `metadata.json`, with the
meaning, range and unit of each, how the model was trained and measured, and checksums;
and `README.md`, the same for people.
"""

__all__ = ["export", "check"]

import pathlib
import re
from collections.abc import Sequence

import keras
import tensorflow as tf

from glf_tf import folders
from glf_tf.serving import card, meanings, saved_model, warm_up, web
from glf_tf.serving import formats as formats_lib

_KIND = "export"

# Files in the folder of a run from versions without a mark.
_UNMARKED = re.compile(
    r"saved_model\.pb|fingerprint\.pb|variables/variables\.(index|data-\d{5}-of-\d{5})"
)


def check(folder: pathlib.Path) -> None:
    """Checks that a model may be exported to a folder.

    Raises:
        Occupied: It has other content than an export of this library.
    """
    folders.check(folder, kind=_KIND)


def export(
    model: keras.Model,
    folder: pathlib.Path,
    *,
    is_of_run: bool = False,
    about: card.About | None = None,
    formats: str | Sequence[str] = "saved_model",
) -> tuple[str, ...]:
    """Writes a SavedModel and its card, and the mark `glf_tf.json`, into a folder.

    Args:
        model: The model, whose `signatures()` are exported.
        folder: An empty folder, or an earlier export, which is replaced when the new
            one is complete.
        is_of_run: Whether it is the `saved_model/` of a run: then one without a mark,
            from older versions, is replaced as well, and foreign files in it are kept.
        about: What is known of its training, for the card.
        formats: "saved_model", and beside it "litert", "onnx" or "web", with commas
            between them; see `serving.formats`.

    Returns:
        signatures: The names of the signatures.

    Raises:
        InvalidValue: A format is not known.
        Occupied: The folder has other content.
        OSError: It cannot be written; an existing export is kept.
        NotFound: onnxruntime-web was found for "web", and lacks a file.
        Unsupported: A library that a format needs is not installed, or it is not for
            such a model.
    """
    formats = formats_lib.parse(formats)
    if "web" in formats:
        web.check(model)
    signatures = dict(model.signatures())
    if default := meanings.default_of(signatures):
        signatures[meanings.DEFAULT] = signatures[default]
    module = tf.Module(name=model.name)
    # `tf.Module` does not find the variables of Keras layers.
    module.model_variables = [variable.value for variable in model.variables]
    module.signature_functions = signatures
    of_run = {"unmarked": _UNMARKED, "is_shared": True} if is_of_run else {}
    with folders.replacing(folder, kind=_KIND, **of_run) as aside:
        saved_model.write(module, aside, signatures=signatures)
        warm_up.write(aside)
        others = formats_lib.convert(aside, formats, signatures=signatures)
        card.write(aside, model=model, about=about, others=others)
    return tuple(sorted(signatures))
