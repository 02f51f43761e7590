# SPDX-License-Identifier: Apache-2.0
r"""Draws interpolations between samples, or between test images.

    python tools/interpolate.py --workdir=runs/glf/digits --num_lines=8 --space=noise \
        --output=interpolations.png
    python tools/interpolate.py --workdir=runs/glf/digits --between=3,17
    python tools/interpolate.py --workdir=runs/glf/digits --images=FOLDER --between=0,4

Each row is an interpolation, linear in the noise of the flow with `--space=noise`, in
the latents with `--space=latent`. With `--images`, a folder of pictures or an array
NAME.npy, it is between two of these, by default the first two.

An existing file is replaced only with `--overwrite`, a folder only if all of its
content is from this tool.
"""

import pathlib

from absl import flags

from glf_tf.cli import kinds, loading, program, values

_LINES = flags.DEFINE_integer("num_lines", 8, "Pairs of samples.", lower_bound=1)
_BETWEEN = flags.DEFINE_list(
    "between",
    None,
    "Two test images by their indices, or two of --images, instead of samples.",
)
_STEPS = flags.DEFINE_integer(
    "num_steps", 10, "Images per line, including both ends.", lower_bound=2
)
_SPACE = flags.DEFINE_enum(
    "space", "noise", ["noise", "latent"], "The space of linear interpolation."
)
_SEED = flags.DEFINE_string("seed", "0", "A seed: a whole number, or two.")
_OUTPUT = kinds.define_path(
    "output", "interpolations.png", "NAME.png, NAME.npy or a folder."
)

_OVERWRITE = kinds.define_overwrite()


def main() -> None:
    """Reads the flags, interpolates and writes the images."""
    path, seed = pathlib.Path(_OUTPUT.value), values.seed(_SEED.value)
    between = _BETWEEN.value or (["0", "1"] if flags.FLAGS.images else None)
    indices = between and values.indices(between, count=2)
    values.refuse_unused(
        ["num_lines", "seed"], needs="samples, not --between", is_given=not indices
    )

    from glf_tf.tasks import interpolate, output

    how = {"columns": _STEPS.value, "overwrite": _OVERWRITE.value}
    with output.opened(path, count=_LINES.value * _STEPS.value, **how) as write:
        interpolate.check(_STEPS.value)
        model = loading.load_model()
        how = {"num_steps": _STEPS.value, "space": _SPACE.value}
        if indices:
            ends = loading.load_images(indices=indices)
            lines = interpolate.between_images(model, ends[:1], ends[1:], **how)
        else:
            lines = interpolate.between_samples(model, _LINES.value, seed=seed, **how)
        write(lines)

    print(path)


def _define():
    loading.define_images()
    return loading.define_loading()


if __name__ == "__main__":
    program.run(main, define=_define)
