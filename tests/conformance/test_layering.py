# SPDX-License-Identifier: Apache-2.0
"""Who may import whom: arrows point down only (the picture is in BUILD.md)."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[2]

# From the bottom up; a package may import from rows below its own, and from itself.
ROWS = (
    {"errors", "progress", "signatures", "types", "quiet", "tensor_float", "tracing"},
    {"files", "resources"},
    {"folders"},
    {"serving"},
    {"catalogue", "export", "naming", "recipe", "seeds"},
    {"arguments", "checks", "foreign", "freezing", "values"},
    {"parts"},
    {"data", "devices"},
    {"datasets", "layers", "masks"},
    {"bijectors", "networks"},
    {"flows", "inference", "objectives"},
    {"metrics", "priors", "training"},
    {"keras_api", "sharpening"},
    {"models"},
    {"tasks"},
    {"densities"},
    {"callbacks"},
    {"experiments"},
    {"evaluation"},
    {"plotting"},
    {"comparison"},
    {"evidence", "report"},
    {"cli"},
    {"__main__", "tools"},
)
LEVEL = {name: level for level, row in enumerate(ROWS) for name in row}

FILES = sorted(
    path
    for folder in ("glf_tf", "tools")
    for path in (ROOT / folder).rglob("*.py")
    if path != ROOT / "glf_tf" / "__init__.py"
)

UPWARDS = {("glf_tf/keras_api/trainable.py", "experiments")}
"""`model.fit(images, workdir=...)` is a method, as users of Keras expect it, and does
what only experiments can: it imports them when it is called with a folder."""


def part_of(path):
    """The part that a file belongs to: "models" for glf_tf/models/glf.py."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[1] if parts[0] == "glf_tf" else "tools"


def imports_of(path):
    """The parts of the library that a file imports, wherever the statement stands."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            if name.startswith("glf_tf."):
                yield name.split(".")[1]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path):
    part, file = part_of(path), path.relative_to(ROOT).as_posix()
    for imported in imports_of(path):
        if (file, imported) in UPWARDS:
            continue
        assert imported == part or LEVEL[imported] < LEVEL[part], imported


def test_what_points_up_is_imported_when_it_is_called():
    for file, part in UPWARDS:
        at_once = ast.parse((ROOT / file).read_text()).body
        text = "\n".join(ast.unparse(node) for node in at_once if _is_import(node))
        assert f"glf_tf.{part}" not in text


def _is_import(node):
    return isinstance(node, ast.Import | ast.ImportFrom)


def test_flags_are_read_in_one_place():
    readers = {
        part_of(path) for path in FILES if "absl import flags" in path.read_text()
    }
    assert readers <= {"cli", "tools"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_functions_fit_in_the_eye(path):
    """None over 50 lines of code, docstrings and signatures apart."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
            assert lines <= 50, f"{node.name} has {lines} lines"
