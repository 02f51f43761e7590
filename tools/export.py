# SPDX-License-Identifier: Apache-2.0
"""Exports a trained model as a SavedModel, which needs nothing but TensorFlow.

    python tools/export.py --workdir=runs/glf/digits --checkpoint=best \
        --output=serving/digits/1

The folder must be empty, or hold an export of ours (its glf_tf.json says so), which is
replaced when the new one is whole. Nothing else is ever replaced.

`glf_tf/export.py` lists the signatures; `saved_model_cli show --dir=DIR --all` does
too.
"""

import pathlib

from glf_tf.cli import kinds, loading, program, values

_OUTPUT = kinds.define_path("output", None, "The SavedModel's folder.")


def main() -> None:
    """Reads the flags, loads the model, exports it."""
    path = pathlib.Path(values.needed("output"))

    from glf_tf import export, files

    export.check(path)
    model = loading.load_model()
    with files.explained(path):
        signatures = export.export(model, path)

    print(f"{path}\nsignatures: {', '.join(signatures)}")


if __name__ == "__main__":
    program.run(main, define=loading.define_loading)
