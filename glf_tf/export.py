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

import keras
import tensorflow as tf

from glf_tf import folders

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
    model: keras.Model,
    folder: pathlib.Path,
    *,
    is_of_run: bool = False,
) -> tuple[str, ...]:
    """Writes a SavedModel, with our mark `glf_tf.json` beside it.

    Args:
        model: The model, whose `signatures()` are exported.
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
    signatures = model.signatures()
    module = tf.Module(name=model.name)
    # Keras holds its variables where `tf.Module` does not look for them.
    module.model_variables = [variable.value for variable in model.variables]
    module.signature_functions = signatures
    of_run = {"unmarked": _UNMARKED, "is_shared": True} if is_of_run else {}
    with folders.replacing(folder, kind=_KIND, **of_run) as aside:
        try:
            tf.saved_model.save(module, str(aside), signatures=signatures)
        except tf.errors.OpError as error:  # such as a full disk
            raise OSError(errno.EIO, error.message) from error
    return tuple(sorted(signatures))
