# SPDX-License-Identifier: Apache-2.0
r"""Exports a trained model as a SavedModel, which needs nothing but TensorFlow.

    python tools/export.py --workdir=runs/glf/digits --checkpoint=best \
        --output=serving/digits/1
    python tools/export.py --workdir=runs/glf/digits --format=saved_model,litert \
        --output=serving/digits/2

The folder must be empty, or have an earlier export (marked by glf_tf.json), which is
replaced when the new one is complete. Nothing else is ever replaced.

The folder has a card, README.md, and metadata.json: how the model was trained and
measured, what each signature takes and returns. `--measured` names files that
tools/evaluate.py wrote, whose figures and protocols the card is to have.

`--format` adds files for LiteRT (model.tflite) and ONNX (onnx/), of the signatures
without chains and random numbers; and web/, a page that draws in a visitor's browser.
Any file server will do for it, such as `python -m http.server --directory=FOLDER/web`.
ONNX files and the page need `pip install "glf_tf[onnx]"`.

`glf_tf/export.py` lists the signatures, as does `saved_model_cli show --dir=DIR --all`.
"""

import pathlib
import shlex
import sys

from absl import flags

from glf_tf.cli import kinds, loading, program

_OUTPUT = kinds.define_path("output", None, "The SavedModel's folder.")
_FORMAT = flags.DEFINE_list(
    "format", ["saved_model"], "saved_model, and beside it litert, onnx and web."
)
_MEASURED = kinds.define_paths(
    "measured", [], "Files of tools/evaluate.py, for the card: NAME.json."
)


def main() -> None:
    """Reads the flags, loads the model and exports it."""
    loading.check_given("output")
    path = pathlib.Path(_OUTPUT.value)

    from glf_tf import export, files
    from glf_tf.experiments import cards
    from glf_tf.serving import formats

    export.check(path)
    formats.parse(_FORMAT.value)
    measured = map(pathlib.Path, _MEASURED.value)
    run = cards.run_of(loading.folder())
    evaluations = cards.evaluations_of(measured, run=run)
    loaded = loading.load()
    cards.check_step(evaluations, loaded.step)
    how = {"step": loaded.step, "evaluations": evaluations}
    about = cards.about(loading.folder(), **how)
    print(f"exporting {', '.join(_FORMAT.value)} to {path}", file=sys.stderr)
    with files.explained(path):
        signatures = export.export(
            loaded.model, path, about=about, formats=_FORMAT.value
        )

    print(f"{path}\nsignatures: {', '.join(signatures)}")
    if "web" in _FORMAT.value:
        page = shlex.quote(str(path / "web"))
        print(f"page: python -m http.server --directory={page}")


if __name__ == "__main__":
    program.run(main, define=loading.define_loading)
