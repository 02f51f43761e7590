# SPDX-License-Identifier: Apache-2.0
"""Recovers the training images of a model that was trained with hidden pixels.

    python tools/train.py --flagfile=flags/lfbm/digits.cfg --dataset=occluded \
        --dataset.mask=salt_and_pepper --dataset.mask.share=0.5 \
        --workdir=runs/lfbm/occluded
    python tools/recover.py --workdir=runs/lfbm/occluded --num_images=500 \
        --output=recovered.png

Each image is shown as it was, as the model saw it, and as it was recovered: the model's
image for a latent that is inferred from the visible pixels, by an encoder and chains or
by chains alone. Chains start from the encoder, which has learned from such images;
`--inference` says how they run, if not as in training. A model whose chains persist
goes on with them.

Squared errors of hidden and of all pixels are printed and written beside the picture,
NAME.json. Distances of samples are what tools/evaluate.py measures, against whole
images.

A file that exists is replaced only with `--overwrite`, a folder only if this tool wrote
all that is in it.
"""

import dataclasses
import json
import pathlib

from absl import flags

from glf_tf import files
from glf_tf.cli import inferring, kinds, loading, program, values

_COUNT = flags.DEFINE_integer(
    "num_images", 500, "How many images are recovered.", lower_bound=1
)
_SHOWN = flags.DEFINE_integer("shown", 24, "How many are shown.", lower_bound=1)
_SEED = flags.DEFINE_string("seed", "0", "A seed: a whole number, or two.")
_OUTPUT = kinds.define_path(
    "output", "recovered.png", "NAME.png, NAME.npy or a folder."
)
_IMAGES_A_ROW = 4

_OVERWRITE = kinds.define_overwrite()


def main() -> None:
    """Reads the flags, recovers, writes."""
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
