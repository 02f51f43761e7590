# SPDX-License-Identifier: Apache-2.0
r"""Makes a preset of a trained run: its weights in half precision, and their figures.

    python tools/make_preset.py --workdir=runs/glf/digits --output=presets/glf/digits \
        --title="GLF on the digits" --command="glf-tf train --recipe=glf/digits" \
        --trained="1 CPU core, 3 minutes"
    python tools/evaluate.py --workdir=runs/glf/digits --out=before.json
    python tools/evaluate.py --workdir=presets/glf/digits --out=after.json

and the first command again, with --measured=after.json --measured_before=before.json.

`glf_tf.load("presets/glf/digits")` loads it, and so does each tool that takes a
`--workdir`. It is the folder of a run, without what would train it on, and without
places of this machine.

The folder must be empty, or have an earlier preset, which is replaced when the new one
is complete.
"""

import pathlib

from absl import flags

from glf_tf.cli import kinds, program, training, values

_OUTPUT = kinds.define_path("output", None, "The folder of the preset.")
_TITLE = flags.DEFINE_string("title", None, "What it draws, in a line.")
_COMMAND = flags.DEFINE_string("command", None, "The command that trained it.")
_TRAINED = flags.DEFINE_string("trained", None, "On what machine, how long, when.")
_COMMIT = flags.DEFINE_string("commit", "", "The commit that trained it.")
_MEASURED = kinds.define_paths(
    "measured", [], "Files of tools/evaluate.py, of the preset: NAME.json."
)
_BEFORE = kinds.define_paths(
    "measured_before", [], "Files of tools/evaluate.py, of the run: NAME.json."
)


def main() -> None:
    """Reads the flags, loads the run and writes the preset."""
    values.check_given("workdir", "output", "title", "command", "trained")
    path = pathlib.Path(_OUTPUT.value)

    from glf_tf import files, folders
    from glf_tf.experiments import cards, preset_making

    folders.check(path, kind=preset_making.KIND)
    measured, before = (
        cards.evaluations_of(map(pathlib.Path, flag.value))
        for flag in (_MEASURED, _BEFORE)
    )
    about = {
        "title": _TITLE.value,
        "command": _COMMAND.value,
        "commit": _COMMIT.value,
        "trained": _TRAINED.value,
    }
    with files.explained(path):
        made = preset_making.make(
            training.folder(),
            path,
            which=flags.FLAGS.checkpoint,
            about=about,
            measured=measured,
            measured_before=before,
        )

    print(made)


def _define():
    kinds.define_path("workdir", None, "The folder of a run.")
    flags.DEFINE_enum("checkpoint", "latest", ["latest", "best"], "Which of the run's.")
    return []


if __name__ == "__main__":
    program.run(main, define=_define)
