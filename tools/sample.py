# SPDX-License-Identifier: Apache-2.0
r"""Draws images from a trained model.

    python tools/sample.py --preset=glf/digits --output=digits.png
    python tools/sample.py --workdir=runs/glf/digits --num_samples=64 --seed=1 \
        --output=digits.png
    python tools/sample.py --workdir=runs/glf/digits --num_samples=10 \
        --temperatures=0.3,0.5,0.7,0.9,1 --output=temperatures.png

`--temperatures` draws a row of images for each, with the same noise in each column.
A model that is conditional on labels draws one row of each by `--labels`:

    python tools/sample.py --workdir=runs/glow/digits_labels --labels=3,5 \
        --num_samples=16 --output=digits.png

With `--guidance`, a model that was trained without some labels draws images that are
more typical of them.

`--output` may be a PNG grid, an array (NAME.npy) or a folder of PNG files. Vectors that
a density draws are an array or a table (NAME.csv).

An existing file is replaced only with `--overwrite`, a folder only if all of its
content is from this tool.
"""

import pathlib

from absl import flags

from glf_tf.cli import kinds, loading, program, values

_COUNT = flags.DEFINE_integer(
    "num_samples", 64, "How many images; in a row, of --temperatures.", lower_bound=1
)
_SEED = flags.DEFINE_string("seed", "0", "A seed: a whole number, or two.")
_TEMPERATURE = flags.DEFINE_float(
    "temperature", 1.0, "Factor on the noise: below 1 for more likely images."
)
_TEMPERATURES = flags.DEFINE_list(
    "temperatures", None, "Several of them, comma-separated: a row of a grid each."
)
_OUTPUT = kinds.define_path(
    "output", "samples.png", "NAME.png, NAME.npy, NAME.csv or a folder."
)
_LABELS = flags.DEFINE_list(
    "labels", None, "Labels such as 3,5: equally many images of each, in a row."
)
_GUIDANCE = flags.DEFINE_float(
    "guidance", None, "Factor on what a label changes: 1 for none, 2 to 3 for more."
)
flags.DEFINE_integer("columns", None, "Images per row of a grid.", lower_bound=1)

_OVERWRITE = kinds.define_overwrite()


def main() -> None:
    """Reads the flags, draws and writes the images."""
    path, count = pathlib.Path(_OUTPUT.value), _COUNT.value
    seed, columns = values.seed(_SEED.value), values.columns(path)
    labels = None
    if _LABELS.value is not None:
        labels = values.labels(_LABELS.value, count=count)
        columns = columns or count // len(_LABELS.value)
    temperatures = [_TEMPERATURE.value]
    if _TEMPERATURES.value is not None:
        temperatures = values.numbers("temperatures")
        values.refuse_unused(
            ["temperature", "columns"], needs="one temperature", is_given=False
        )
        columns = count

    from glf_tf.tasks import output, sample

    how = {"columns": columns, "overwrite": _OVERWRITE.value, "is_any": True}
    with output.opened(path, count=count * len(temperatures), **how) as write:
        for temperature in temperatures:
            sample.check(count, temperature=temperature)
        model = loading.load_model()
        output.check_kind(path, noun=model.example_kind.noun)
        how = {"temperatures": temperatures, "labels": labels}
        how["guidance"] = _GUIDANCE.value
        write(sample.strip(model, count, seed=seed, **how))

    print(path)


if __name__ == "__main__":
    program.run(main, define=loading.define_loading)
