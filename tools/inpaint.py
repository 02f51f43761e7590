# SPDX-License-Identifier: Apache-2.0
"""Hides a part of test images and completes them, each in several ways.

    python tools/inpaint.py --workdir=runs/glf/digits --num_images=4 --attempts=3 \
        --mask=square --mask.size=3 --start=prior --output=inpainting.png
    python tools/inpaint.py --workdir=runs/glf/digits --mask=salt_and_pepper \
        --mask.share=0.5 --keep_visible --inference=langevin --inference.steps=100 \
        --inference.step_size=0.03 --num_images=4 --attempts=2

A row has the original, the masked image, and completions: the model's images for
latents that chains inferred from the visible pixels. Where chains start from noise, as
with `--start=prior`, each has another start. `--mask=picture --mask.file=NAME.png`
hides what is dark in a picture of the images' size. `--images=FOLDER_OR_NPY` takes
somebody's own images in the place of test images, made to fit as in training.

Squared errors of hidden and of all pixels, averaged over images and attempts, are
printed and written beside the picture, NAME.json. They are those of the model's images,
also with `--keep_visible`, which puts the visible pixels of the original into the
picture.

A file that exists is replaced only with `--overwrite`, a folder only if this tool wrote
all that is in it.
"""

import dataclasses
import json
import pathlib

from absl import flags

from glf_tf import files
from glf_tf.cli import inferring, kinds, loading, program, values

_COUNT = flags.DEFINE_integer("num_images", 8, "How many images.", lower_bound=1)
_ATTEMPTS = flags.DEFINE_integer("attempts", 8, "Completions an image.", lower_bound=1)
_KEEP = flags.DEFINE_bool("keep_visible", False, "Show visible pixels as they were.")
_SEED = flags.DEFINE_string("seed", "0", "A seed: a whole number, or two.")
_OUTPUT = kinds.define_path(
    "output", "inpainting.png", "NAME.png, NAME.npy or a folder."
)

_OVERWRITE = kinds.define_overwrite()


def main() -> None:
    """Reads the flags, hides, completes, writes."""
    path, seed = pathlib.Path(_OUTPUT.value), values.seed(_SEED.value)

    import tensorflow as tf

    from glf_tf.metrics import hidden
    from glf_tf.tasks import infer, inpaint, output

    columns = 2 + _ATTEMPTS.value
    how = {"columns": columns, "overwrite": _OVERWRITE.value}
    beside = files.output(path.with_suffix(".json"), overwrite=_OVERWRITE.value)
    with (
        output.opened(path, count=_COUNT.value * columns, **how) as write,
        beside as stream,
    ):
        model, images = loading.load_model(), loading.load_images(_COUNT.value)
        mask = inferring.mask(model.image_shape)
        masks = mask.draw(tf.range(len(images)), seed=seed).numpy()
        inference = infer.Inference(
            model, chain=inferring.chain(), start=inferring.start()
        )
        completions = inpaint.inpaint(
            inference, images, masks, attempts=_ATTEMPTS.value, seed=seed
        )
        error = hidden.hidden_error(
            images.repeat(_ATTEMPTS.value, axis=0),
            made=completions.reshape([-1, *images.shape[1:]]),
            masks=masks.repeat(_ATTEMPTS.value, axis=0),
        )
        if _KEEP.value:
            completions = inpaint.with_visible(completions, images=images, masks=masks)
        rows = inpaint.panel(images, masks=masks, completions=completions)
        write([rows])
        numbers = json.dumps(dataclasses.asdict(error), indent=2)
        stream.write(f"{numbers}\n".encode())

    print(f"{path}\n{numbers}")


def _define():
    loading.define_loading()
    loading.define_images()
    return [*inferring.define_inference(), *inferring.define_mask()]


if __name__ == "__main__":
    program.run(main, define=_define)
