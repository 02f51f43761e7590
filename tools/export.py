# SPDX-License-Identifier: Apache-2.0
r"""Exports a trained model as a SavedModel, which needs nothing but TensorFlow.

    python tools/export.py --workdir=runs/glf/digits --checkpoint=best \
        --output=serving/digits/1

The folder must be empty, or have an earlier export (marked by glf_tf.json), which is
replaced when the new one is complete. Nothing else is ever replaced.

`glf_tf/export.py` lists the signatures, as does `saved_model_cli show --dir=DIR --all`.
"""

import pathlib

from glf_tf.cli import kinds, loading, program, values

_OUTPUT = kinds.define_path("output", None, "The SavedModel's folder.")


def main() -> None:
    """Reads the flags, loads the model and exports it."""
    values.check_given("workdir", "output")
    path = pathlib.Path(_OUTPUT.value)

    from glf_tf import export, files

    export.check(path)
    model = loading.load_model()
    with files.explained(path):
        signatures = export.export(model, path)

    print(f"{path}\nsignatures: {', '.join(signatures)}")


if __name__ == "__main__":
    program.run(main, define=loading.define_loading)
