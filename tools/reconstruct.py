# SPDX-License-Identifier: Apache-2.0
"""Draws test images beside their reconstructions.

    python tools/reconstruct.py --workdir=runs/glf/digits --num_images=32 \
        --output=reconstructions.png

Each image is followed by its reconstruction. The error is the squared error summed over
pixels in [0, 1], averaged over the images shown.
"""

import pathlib

from absl import flags

from glf_tf.cli import loading, program

_COUNT = flags.DEFINE_integer("num_images", 32, "How many images.", lower_bound=1)
_OUTPUT = flags.DEFINE_string(
    "output", "reconstructions.png", "NAME.png, NAME.npy or a folder."
)
_COLUMNS = flags.DEFINE_integer("columns", 8, "Images a row of a grid.")


def main() -> None:
    """Reads the flags, encodes and decodes, writes."""
    path = pathlib.Path(_OUTPUT.value)

    from glf_tf.tasks import output, reconstruct

    output.check(path, count=2 * _COUNT.value)
    model, images = loading.load_model(), loading.load_images(_COUNT.value)
    decoded = reconstruct.reconstruct(model, images)
    pairs = reconstruct.side_by_side(images, decoded)
    output.write(path, [pairs], columns=_COLUMNS.value)

    error = ((images - decoded) ** 2).sum(axis=(1, 2, 3)).mean()
    print(f"{path}\nsquared error per image {error:.4f}")


if __name__ == "__main__":
    program.run(main, define=loading.define_loading)
