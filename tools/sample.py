# SPDX-License-Identifier: Apache-2.0
r"""Draws images from a trained model.

    python tools/sample.py --workdir=runs/glf/digits --num_samples=64 --seed=1 \
        --output=digits.png

`--output` may be a PNG grid, an array (NAME.npy) or a folder of PNG files.

An existing file is replaced only with `--overwrite`, a folder only if all of its
content is from this tool.
"""

import pathlib

from absl import flags

from glf_tf.cli import kinds, loading, program, values

_COUNT = flags.DEFINE_integer("num_samples", 64, "How many images.", lower_bound=1)
_SEED = flags.DEFINE_string("seed", "0", "A seed: a whole number, or two.")
_TEMPERATURE = flags.DEFINE_float(
    "temperature", 1.0, "Factor on the noise: below 1 for more likely images."
)
_OUTPUT = kinds.define_path("output", "samples.png", "NAME.png, NAME.npy or a folder.")
flags.DEFINE_integer("columns", None, "Images per row of a grid.", lower_bound=1)

_OVERWRITE = kinds.define_overwrite()


def main() -> None:
    """Reads the flags, draws and writes the images."""
    path, count = pathlib.Path(_OUTPUT.value), _COUNT.value
    seed, columns = values.seed(_SEED.value), values.columns(path)

    from glf_tf.tasks import output, sample

    how = {"columns": columns, "overwrite": _OVERWRITE.value}
    with output.opened(path, count=count, **how) as write:
        sample.check(count, temperature=_TEMPERATURE.value)
        model = loading.load_model()
        write(sample.sample(model, count, seed=seed, temperature=_TEMPERATURE.value))

    print(path)


if __name__ == "__main__":
    program.run(main, define=loading.define_loading)
