# SPDX-License-Identifier: Apache-2.0
r"""Recovers the training images of a model that was trained with hidden pixels.

    python tools/train.py --flagfile=flags/lfbm/digits.cfg --dataset=occluded \
        --dataset.mask=salt_and_pepper --dataset.mask.share=0.5 \
        --workdir=runs/lfbm/occluded
    python tools/recover.py --workdir=runs/lfbm/occluded --num_images=500 \
        --output=recovered.png

Each image is shown in the original, masked, and recovered: the decoded latents inferred
from the visible pixels, by an encoder and chains or by chains alone. Chains start at
the latents of the encoder, which was trained on such images; `--inference` sets their
sampler, by default that of training. Persistent chains are continued.

Squared errors of hidden and of all pixels are printed and written to NAME.json, next to
the picture: `hidden_unit` and `all_unit` for pixels in [0, 1], `..._symmetric` for
pixels in [-1, 1]. tools/evaluate.py measures distances of samples, compared with
complete images.

An existing file is replaced only with `--overwrite`, a folder only if all of its
content is from this tool.
"""

import dataclasses
import json
import pathlib

from absl import flags

from glf_tf import files
from glf_tf.cli import inferring, kinds, loading, program, values

_COUNT = flags.DEFINE_integer(
    "num_images", 500, "Number of images to recover.", lower_bound=1
)
_SHOWN = flags.DEFINE_integer("shown", 24, "Number of images to show.", lower_bound=1)
_SEED = flags.DEFINE_string("seed", "0", "A seed: a whole number, or two.")
_OUTPUT = kinds.define_path(
    "output", "recovered.png", "NAME.png, NAME.npy or a folder."
)
_IMAGES_A_ROW = 4

_OVERWRITE = kinds.define_overwrite()


def main() -> None:
    """Reads the flags, recovers and writes the images."""
    path, seed = pathlib.Path(_OUTPUT.value), values.seed(_SEED.value)

    from glf_tf.metrics import hidden
    from glf_tf.tasks import infer, inpaint, output, recover

    how = {"columns": 3 * _IMAGES_A_ROW, "overwrite": _OVERWRITE.value}
    beside = files.output(path.with_suffix(".json"), overwrite=_OVERWRITE.value)
    with output.opened(path, count=3 * _SHOWN.value, **how) as write, beside as stream:
        chain = inferring.chain()
        model, data = loading.load_model(), loading.load_split("train")
        data = data.take(_COUNT.value)
        masks = recover.masks_of(data)
        start = recover.start_of(model, inferring.start())
        inference = infer.Inference(model, chain=chain, start=start)
        recovered = recover.recover(inference, data, masks, seed=seed)
        shown = slice(_SHOWN.value)
        rows = inpaint.panel(
            data.images[shown], masks=masks[shown], completions=recovered[shown, None]
        )
        write([rows])
        error = hidden.hidden_error(data.images, made=recovered, masks=masks)
        numbers = json.dumps(dataclasses.asdict(error), indent=2)
        stream.write(f"{numbers}\n".encode())

    print(f"{path}\n{numbers}")


def _define():
    return [*loading.define_loading(), *inferring.define_inference()]


if __name__ == "__main__":
    program.run(main, define=_define)
