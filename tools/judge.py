# SPDX-License-Identifier: Apache-2.0
r"""Judges pictures by a model of normal ones: which of them do not belong.

    python tools/train.py --flagfile=flags/vae/folder.cfg --workdir=runs/normal \
        --data_dir=FOLDER_OF_NORMAL_PICTURES
    python tools/judge.py --workdir=runs/normal --images=FOLDER --false_alarms=0.05 \
        --out=judged

A picture's score is that of tools/anomaly.py, larger for anomalies. Its p-value is (1 +
the number of normal pictures that score as high or higher) / (n + 1), by n normal
pictures that training has not seen: those of the run's validation, if it has any
(`--dataset=held_out`), and otherwise its test pictures. A new normal picture has p <= a
with probability a at most; n pictures show nothing smaller than 1 / (n + 1). With
`--false_alarms=0.05`, pictures with p <= 0.05 are reported.

That holds if new normal pictures come from where the normal ones of the folder came
from. It says nothing of how many anomalies are found: for that, give known ones to
tools/anomaly.py, `--against=FOLDER`.

The folder `--out` gets judged.csv, the most anomalous picture first; extremes.png, the
most and the least anomalous ones with what the model makes of them; and judged.json. A
folder that exists is replaced only if this tool wrote all that is in it.
"""

import functools
import pathlib

from absl import flags

from glf_tf import files, folders
from glf_tf.cli import inferring, kinds, loading, paths, program, values

_FALSE_ALARMS = flags.DEFINE_float(
    "false_alarms",
    None,
    "The fraction of normal pictures that may be reported, at most 0.5; by default "
    "pictures are put in order and none is reported.",
)
_WEIGHT = flags.DEFINE_float(
    "weight",
    1.0,
    "Weight of the likelihood in the score, or of the first term of a model's own.",
)
_SCORE = flags.DEFINE_string(
    "score",
    None,
    "The score of a model that has its own; by default as in its options.",
)
_SEED = flags.DEFINE_string("seed", "0", "Seed of chains: a whole number, or two.")
_OUT = kinds.define_path("out", "judged", "The folder for all results.")


def main() -> None:
    """Reads the flags, judges pictures and writes the results."""
    loading.check_given("images")
    seed, out = values.seed(_SEED.value), pathlib.Path(_OUT.value)
    explained = functools.partial(files.explained, out)
    # Opened before anything is scored.
    with folders.replacing(out, kind="judgement", explained=explained) as aside:
        judged = _judged(seed)
        with explained():
            _write(aside, judged)
    print(f"{out / 'judged.csv'}\n{judged.summary()}")


def _judged(seed):
    """Returns the pictures, judged."""
    from glf_tf.evaluation import anomaly_sets, judging
    from glf_tf.metrics import conformal
    from glf_tf.tasks import anomaly

    anomaly.check_weight(_WEIGHT.value)
    if _FALSE_ALARMS.value is not None:
        conformal.check_false_alarms(_FALSE_ALARMS.value)
    chain = inferring.chain()
    normal, asked = anomaly_sets.to_judge(
        loading.folder().path,
        flags.FLAGS.images,
        paths=paths.chosen(),
        on_broken=flags.FLAGS.on_broken,
        accept_new_data=flags.FLAGS.accept_new_data,
    )
    return judging.judge(
        loading.load_model(),
        asked,
        normal=normal,
        false_alarms=_FALSE_ALARMS.value,
        weight=_WEIGHT.value,
        chain=chain,
        start=inferring.start(),
        score=_SCORE.value,
        seed=seed,
    )


def _write(folder: pathlib.Path, judged) -> None:
    """Writes the table, the picture and the numbers."""
    from glf_tf.plotting import extremes_figure

    files.write(folder / "judged.csv", judged.to_csv())
    files.write(folder / "judged.json", judged.to_json() + "\n")
    with files.replacing(folder / "extremes.png") as stream:
        extremes_figure.of_judgement(judged).savefig(stream, format="png")


def _define():
    loading.define_loading()
    loading.define_images()
    return inferring.define_inference()


if __name__ == "__main__":
    program.run(main, define=_define)
