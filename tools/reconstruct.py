# SPDX-License-Identifier: Apache-2.0
r"""Draws test images next to their reconstructions.

    python tools/reconstruct.py --workdir=runs/glf/digits --num_images=32 \
        --output=reconstructions.png

Each image is followed by its reconstruction, the decoded latents of the encoder, or of
a chain if the model has no encoder or a sampler is given:

    python tools/reconstruct.py --workdir=runs/glf/digits --inference=langevin \
        --inference.steps=100 --inference.step_size=0.01 --noinference.noise

`--images=PATH` uses your own images instead of test images: all pictures of a
folder, resized as in training, or an array of the run's image shape.

The error is the squared error summed over pixels in [0, 1], and its mean over pixels in
[0, 1] and in [-1, 1], averaged over the images shown.

An existing file is replaced only with `--overwrite`, a folder only if all of its
content is from this tool.
"""

import pathlib

from absl import flags

from glf_tf.cli import inferring, kinds, loading, program, values

_COUNT = flags.DEFINE_integer("num_images", 32, "How many images.", lower_bound=1)
_OUTPUT = kinds.define_path(
    "output", "reconstructions.png", "NAME.png, NAME.npy or a folder."
)
_IMAGES_A_ROW = 8
flags.DEFINE_integer(
    "columns", None, f"Images per row of a grid; {_IMAGES_A_ROW}.", lower_bound=1
)
_SEED = flags.DEFINE_string("seed", "0", "Seed of chains: a whole number, or two.")

_OVERWRITE = kinds.define_overwrite()


def main() -> None:
    """Reads the flags, infers and decodes latents, and writes the images."""
    path, seed = pathlib.Path(_OUTPUT.value), values.seed(_SEED.value)
    columns = values.columns(path) or _IMAGES_A_ROW

    from glf_tf.metrics import reconstruction
    from glf_tf.tasks import infer, output, reconstruct

    how = {"columns": columns, "overwrite": _OVERWRITE.value}
    with output.opened(path, count=2 * _COUNT.value, **how) as write:
        model, images = loading.load_model(), loading.load_images(_COUNT.value)
        inference = infer.Inference(
            model, chain=inferring.chain(), start=inferring.start()
        )
        decoded = reconstruct.reconstruct(model, images, inference=inference, seed=seed)
        pairs = reconstruct.side_by_side(images, decoded)
        write([pairs])

    error = reconstruction.squared_error(images, reconstructions=decoded)
    print(
        f"{path}\nlatents by {inference.description}\n"
        f"squared error per image {error.per_image_unit:.4f}\n"
        f"MSE of pixels in [0, 1] {error.per_pixel_unit:.6f}\n"
        f"MSE of pixels in [-1, 1] {error.per_pixel_symmetric:.6f}"
    )


def _define():
    loading.define_images()
    return [*loading.define_loading(), *inferring.define_inference()]


if __name__ == "__main__":
    program.run(main, define=_define)
