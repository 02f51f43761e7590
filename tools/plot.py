# SPDX-License-Identifier: Apache-2.0
r"""Draws curves of several runs against epochs: a panel per scalar, a line per run.

    python tools/plot.py --runs=runs/beta_1,runs/beta_10,runs/beta_100 \
        --scalars=evaluation/fd,epoch/nll,epoch/reconstruction --label=beta \
        --out=curves.png

A run is the `--workdir` of tools/train.py; its scalars are in its metrics.jsonl, and
can be drawn while it runs. `--label` names a flag whose values label the runs, by
default the names of their folders. The line of a diverged run ends in a cross. The data
are also written to a CSV file next to the figure.

An existing file is replaced only with `--overwrite`.
"""

import pathlib

from absl import flags

from glf_tf import errors, files
from glf_tf.cli import kinds, program, values

_RUNS = kinds.define_paths("runs", None, "Folders of runs, comma-separated.")
_SCALARS = flags.DEFINE_list(
    "scalars",
    ["epoch/reconstruction", "epoch/nll"],
    "Scalars, one panel each, from left to right.",
)
_LABEL = flags.DEFINE_string("label", "", "A flag whose values label the runs.")
_OUT = kinds.define_path("out", "curves.png", "NAME.png, NAME.pdf or NAME.svg.")
_OVERWRITE = kinds.define_overwrite()
_LOG_Y = flags.DEFINE_bool("log_y", False, "Draw the values on a logarithmic axis.")

_FORMS = (".png", ".pdf", ".svg")


def main() -> None:
    """Reads the flags and the runs, draws and writes the figure."""
    values.check_given("runs", "scalars")
    paths = [pathlib.Path(run) for run in _RUNS.value]
    scalars, out = _SCALARS.value, pathlib.Path(_OUT.value)
    _check(out)

    from glf_tf.plotting import curves, curves_figure

    histories = [curves.read(path) for path in paths]
    lines = [
        curves_figure.Line(label=_label_of(path), history=history)
        for path, history in zip(paths, histories, strict=True)
    ]
    figure = curves_figure.draw(lines, scalars=scalars, log_y=_LOG_Y.value)
    numbers = out.with_suffix(".csv")
    with _opened(out) as picture, _opened(numbers) as stream:
        figure.savefig(picture, format=out.suffix[1:])
        stream.write(curves_figure.to_csv(lines, scalars=scalars).encode())

    print(f"{out}\n{numbers}")


def _opened(path: pathlib.Path):
    return files.output(path, overwrite=_OVERWRITE.value)


def _label_of(path: pathlib.Path) -> str:
    from glf_tf.plotting import curves

    if _LABEL.value:
        return f"{_LABEL.value} = {curves.flag_of(path, _LABEL.value)}"
    return path.name


def _check(out: pathlib.Path) -> None:
    """Checks the suffix of the output before the runs are read."""
    if out.suffix not in _FORMS:
        raise errors.InvalidValue(
            "A figure is written as NAME.png, NAME.pdf or NAME.svg",
            received=f"--out={out}",
            do="Use one of the three suffixes",
        )


if __name__ == "__main__":
    program.run(main)
