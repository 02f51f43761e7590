# SPDX-License-Identifier: Apache-2.0
r"""Scores images as anomalies by a model's densities, and evaluates the scores.

    python tools/train.py --flagfile=flags/lfbm/digits.cfg --dataset=without \
        --dataset.label=4 --workdir=runs/lfbm/without_4
    python tools/anomaly.py --runs=runs/lfbm/without_4 --weights=1,0.18 \
        --out=runs/anomaly
    python tools/anomaly.py --runs=runs/lfbm/without_4 --against=FOLDER_OF_PICTURES

A run is the `--workdir` of tools/train.py. The score is -(weight * log p(x | z) + log
p(z)) at the latent z inferred by an encoder or a chain; `--inference` sets the sampler
of chains, by default that of training. With a Gaussian decoder, the weight 2 sigma^2
gives the plain squared error. A flow on images scores by -log p(x) itself. A model with
scores of its own, such as bigan, is scored by the one of its options, or by `--score`;
the weight is that of the score's first term, for bigan the error of reconstructions.

Anomalies are the images of the class that was left out of training, in the test images
of the run's split; or with `--against` those of another data set, an array NAME.npy or
a folder, in addition to the run's test images.

With `--checkpoint=all`, every checkpoint is scored that the runs kept
(`--keep_checkpoints=100` in training). The table has the first, the last, the best by
the run's `--best_by`, and the one of the largest average precision on the test images,
which papers print and which is chosen on the test images, anomalies included. All of
them are in detection.json; scores_RUN.csv is of the last.

`--false_alarms=0.05` sets a threshold by normal images alone: those of the run's
validation, if it has any (`--dataset=held_out`), and otherwise half of its test images,
which are then not judged. The rates that it has on the other normal images and on
anomalies are printed with their 95 % intervals.

The folder `--out` gets scores_RUN.csv with each image's score, its rank, the fraction
of normal images that score lower, and its p-value by the normal images that set
thresholds; extremes_WEIGHT_RUN.png, the most and the least anomalous images with what
the model makes of them; curves_WEIGHT.png with ROC and precision-recall curves; and
detection.json with average precision, the trapezoid's area, AUROC, chance level and
floor, and their means and deviations over runs that differ in seeds alone. A folder
that exists is replaced only if this tool wrote all that is in it.
"""

import functools
import pathlib

from absl import flags

from glf_tf import files, folders
from glf_tf.cli import inferring, kinds, loading, paths, program, values

_RUNS = kinds.define_paths("runs", None, "Folders of runs, comma-separated.")
_AGAINST = kinds.define_path(
    "against", "", "The anomalies: a data set's name, NAME.npy or a folder."
)
_WEIGHTS = flags.DEFINE_list(
    "weights",
    ["1"],
    "Weights of the likelihood in the score, or of the first term of a model's own, "
    "comma-separated.",
)
_SCORE = flags.DEFINE_string(
    "score",
    None,
    "The score of a model that has its own; by default as in its options.",
)
_CHECKPOINT = flags.DEFINE_enum(
    "checkpoint",
    "latest",
    ["latest", "best", "all"],
    "The checkpoint of the runs; all: the first, the last, the best, and the one that "
    "is best on the test images, side by side.",
)
_FALSE_ALARMS = flags.DEFINE_float(
    "false_alarms",
    None,
    "Report images by a threshold with this rate of false alarms, at most 0.5; the "
    "threshold is set by normal images of the run's validation, or half of its test.",
)
_SEED = flags.DEFINE_string("seed", "0", "Seed of chains: a whole number, or two.")
_OUT = kinds.define_path("out", "anomalies", "The folder for all results.")


def main() -> None:
    """Reads the flags, scores images and writes the results."""
    runs = [pathlib.Path(run) for run in values.needed("runs")]
    values.refuse_empty("against")
    seed, weights = values.seed(_SEED.value), values.numbers("weights")
    out = pathlib.Path(_OUT.value)
    explained = functools.partial(files.explained, out)

    from glf_tf.evaluation import detection
    from glf_tf.plotting import detection_figure

    # Opened before anything is scored.
    with folders.replacing(out, kind="anomalies", explained=explained) as aside:
        found, shown = _scored(runs, weights=weights, seed=seed)
        groups = detection.groups(shown)
        with explained():
            how = {"false_alarms": _FALSE_ALARMS.value}
            text = detection_figure.to_json(found, groups, **how)
            files.write(aside / "detection.json", text + "\n")
            _write(aside, shown, names=_names(runs), weights=weights)

    print(f"{out / 'detection.json'}\n{detection_figure.table(groups)}")
    if _FALSE_ALARMS.value is not None:
        print(detection_figure.alarms_text(shown, false_alarms=_FALSE_ALARMS.value))


def _scored(runs: list[pathlib.Path], *, weights: list[float], seed):
    """Returns the detections of all checkpoints, and those that are shown."""
    from glf_tf.evaluation import anomaly_sets, detection, selection
    from glf_tf.metrics import conformal

    how = {
        "weights": weights,
        "chain": inferring.chain(),
        "start": inferring.start(),
        "score": _SCORE.value,
        "seed": seed,
    }
    found, shown = [], []
    for run in runs:
        asked = anomaly_sets.of_run(
            run,
            paths=paths.chosen(),
            against=_AGAINST.value,
            on_broken=flags.FLAGS.on_broken,
            accept_new_data=flags.FLAGS.accept_new_data,
        )
        if _FALSE_ALARMS.value is not None:
            conformal.check_count(asked.calibrating, false_alarms=_FALSE_ALARMS.value)
        if _CHECKPOINT.value == "all":
            of_run = selection.by_checkpoint(run, asked, **how)
            found += of_run
            shown += selection.choices(of_run)
        else:
            found.append(detection.detect(run, asked, which=_CHECKPOINT.value, **how))
            shown.append(found[-1])
    return found, shown


def _write(folder: pathlib.Path, shown, *, names, weights) -> None:
    """Writes scores, curves and pictures."""
    from glf_tf.plotting import detection_figure, extremes_figure

    wanted = "last" if _CHECKPOINT.value == "all" else _CHECKPOINT.value
    plain = [detected for detected in shown if detected.checkpoint == wanted]
    for name, detected in zip(names, plain, strict=True):
        files.write(folder / f"scores_{name}.csv", detected.to_csv())
        for weight in weights:
            figure = extremes_figure.of_detection(detected, weight=weight)
            _save(folder / f"extremes_{weight:g}_{name}.png", figure)
    for weight in weights:
        figure = detection_figure.draw(shown, weight=weight)
        _save(folder / f"curves_{weight:g}.png", figure)


def _save(path: pathlib.Path, figure) -> None:
    with files.replacing(path) as stream:
        figure.savefig(stream, format="png")


def _names(runs: list[pathlib.Path]) -> list[str]:
    """Returns the names of the runs, with their parents if necessary."""
    plain = [run.resolve().name for run in runs]
    if len(set(plain)) == len(plain):
        return plain
    return ["_".join(run.resolve().parts[1:]) for run in runs]


def _define():
    paths.define()
    paths.define_accepting()
    loading.define_skipping()
    return inferring.define_inference()


if __name__ == "__main__":
    program.run(main, define=_define)
