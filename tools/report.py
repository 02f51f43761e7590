# SPDX-License-Identifier: Apache-2.0
r"""Writes a page about runs: one HTML file that opens anywhere.

    python tools/report.py --runs=runs/glf/digits --out=report.html
    python tools/report.py --runs=runs/a,runs/b --measures=a.json,b.json --out=ab.html

It says what was trained, how long and how, with pictures, curves of training and of
held-out images, samples by step, the training images nearest to samples, and what was
measured: by tools/compare.py or reproduce.py, whose measures lie in the run, or with
`--measures` by tools/evaluate.py: its files of one run, or of several one file each. Of
several runs it shows the settings in which they differ. A run may still be training.

An existing file is replaced only with `--overwrite`.
"""

import pathlib
import sys

from absl import flags

from glf_tf import errors, files
from glf_tf.cli import kinds, paths, program, values

_RUNS = kinds.define_paths("runs", None, "Folders of runs, comma-separated.")
_MEASURES = kinds.define_paths("measures", [], "Files of tools/evaluate.py.")
_OUT = kinds.define_path("out", "report.html", "The page, NAME.html.")
_OVERWRITE = kinds.define_overwrite()
_NEAREST = flags.DEFINE_integer(
    "nearest",
    16,
    "Samples beside their nearest training images, of which the data are read; 0 for "
    "none.",
    lower_bound=0,
)


def main() -> None:
    """Reads the flags and the runs, and writes the page."""
    folders = [pathlib.Path(run) for run in values.needed("runs")]
    out = pathlib.Path(_OUT.value)
    if out.suffix != ".html":
        raise errors.InvalidValue(
            "A page is written as NAME.html",
            received=f"--out={out}",
            do="Use for instance --out=report.html",
        )
    measures = _measures(folders)

    from glf_tf.report import page
    from glf_tf.report import runs as runs_lib

    runs = [
        runs_lib.read(path, label=label, measures=found)
        for path, label, found in zip(folders, _labels(folders), measures, strict=True)
    ]
    with files.output(out, overwrite=_OVERWRITE.value) as stream:
        stream.write(page.render(runs, nearest=_nearest(runs)).encode())
    print(out)


def _nearest(runs) -> dict:
    """Returns samples beside their nearest training images, by the run's label."""
    from glf_tf.experiments import folder as folder_lib
    from glf_tf.report import nearest
    from glf_tf.training import checkpoints

    if not _NEAREST.value:
        return {}
    how = {"count": _NEAREST.value, "paths": paths.chosen()}
    found = {}
    for run in runs:
        if checkpoints.found(folder_lib.Folder(run.path).checkpoints):
            found[run.label] = nearest.of_run(run.path, **how)
        else:
            print(f"{run.label} has no checkpoint to draw from", file=sys.stderr)
    return {label: each for label, each in found.items() if each is not None}


def _measures(folders: list[pathlib.Path]) -> list[list]:
    """Returns the records of measures of each run."""
    from glf_tf.experiments import cards
    from glf_tf.experiments import folder as folder_lib

    given, count = [pathlib.Path(path) for path in _MEASURES.value], len(folders)
    runs = [cards.run_of(folder_lib.Folder(path)) for path in folders]
    if count == 1:
        return [cards.evaluations_of(given, run=runs[0])]
    if len(given) not in (0, count):
        raise errors.InvalidValue(
            "Of several runs, --measures are one file each, in their order",
            received=f"{len(given)} files of {count} runs",
            do="Pass as many, or none",
        )
    pairs = zip(given, runs, strict=False)  # none are given, or all
    return [cards.evaluations_of([path], run=run) for path, run in pairs] or (
        [[]] * count
    )


def _labels(folders: list[pathlib.Path]) -> list[str]:
    """Returns the names of folders, with as many parents as make them distinct."""
    parts = [folder.resolve().parts for folder in folders]
    if len(set(parts)) < len(parts):
        raise errors.InvalidValue(
            "Each run is in the page once",
            received=f"--runs={','.join(map(str, folders))}",
            do="Leave out what is there twice",
        )
    for depth in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-depth:]) for part in parts]
        if len(set(names)) == len(names):
            break
    return names


def _define():
    paths.define()
    return ()


if __name__ == "__main__":
    program.run(main, define=_define)
