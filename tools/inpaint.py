# SPDX-License-Identifier: Apache-2.0
r"""Hides parts of test images and completes them, several times each.

    python tools/inpaint.py --workdir=runs/glf/digits --num_images=4 --attempts=3 \
        --mask=square --mask.size=3 --start=prior --output=inpainting.png \
        --inference=langevin --inference.adjusted --inference.step_size=0.5 \
        --inference.steps=500
    python tools/inpaint.py --workdir=runs/glf/digits --mask=salt_and_pepper \
        --mask.share=0.5 --keep_visible --num_images=4 --attempts=2 \
        --inference=langevin --inference.adjusted --inference.step_size=0.5 \
        --inference.steps=500

A row has the original, the masked image, and completions: the decoded latents that
chains inferred from the visible pixels. If chains start at noise, as with
`--start=prior`, each has its own start. The default step is for latents of scale 1;
wider codes, such as those of GLF, need larger steps. `--mask=picture
--mask.file=NAME.png` hides the dark pixels of a picture of the images' size.
`--images=PATH` uses your own images instead of test images, resized as in
training.

Squared errors of hidden and of all pixels, averaged over images and attempts, are
printed and written to NAME.json, next to the picture: `hidden_unit` and `all_unit` for
pixels in [0, 1], `..._symmetric` for pixels in [-1, 1]. They are those of the decoded
images, also with `--keep_visible`, which copies the visible pixels of the original into
the picture.

An existing file is replaced only with `--overwrite`, a folder only if all of its
content is from this tool.
"""

import dataclasses
import json
import pathlib

from absl import flags

from glf_tf import files
from glf_tf.cli import inferring, kinds, loading, program, values

_COUNT = flags.DEFINE_integer("num_images", 8, "How many images.", lower_bound=1)
_ATTEMPTS = flags.DEFINE_integer("attempts", 8, "Completions an image.", lower_bound=1)
_KEEP = flags.DEFINE_bool("keep_visible", False, "Show the original visible pixels.")
_SEED = flags.DEFINE_string("seed", "0", "A seed: a whole number, or two.")
_OUTPUT = kinds.define_path(
    "output", "inpainting.png", "NAME.png, NAME.npy or a folder."
)

_OVERWRITE = kinds.define_overwrite()


def main() -> None:
    """Reads the flags, hides pixels, completes images and writes them."""
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
