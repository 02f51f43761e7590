# SPDX-License-Identifier: Apache-2.0
"""What the source never does: write past the one door, unpickle, evaluate."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[2]
FILES = sorted(
    path for folder in ("glf_tf", "tools") for path in (ROOT / folder).rglob("*.py")
)
DOORS = [ROOT / "glf_tf" / name for name in ("files.py", "folders.py")]

# Calls that write, move or remove. Where a library must write by itself, its first
# argument, or its second, is what `files` opened: `stream`, or a path in `aside`.
REMOVES = {
    *("rmtree", "unlink", "rename", "renames", "rmdir", "removedirs"),
    *("symlink", "symlink_to", "hardlink_to", "touch", "truncate", "chmod"),
    *("write_text", "write_bytes", "mkdir", "makedirs", "mkfifo", "mkdtemp", "mkstemp"),
    *("copyfile", "copytree", "copy2", "tofile", "extractall", "extract"),
    *("NamedTemporaryFile", "TemporaryDirectory"),
}
# The same by names that lists and sets have, too.
DOTTED = {"os.remove", "os.replace", "os.link", "shutil.move", "shutil.copy"}
WRITES = {"save", "savez", "savez_compressed", "savefig", "savetxt", "imwrite", "dump"}
GIVEN = {"stream", "picture", "aside"}
# Methods of ours, of mathematics, and Keras' own of a model, that bear such a name.
OURS = {
    *("self._store.save", "comparison.save", "pictures.save", "super().save"),
    *("archive.save", "arguments.rename", "self._fitted().save", "store.save"),
}

UNSAFE_NAMES = {"eval", "exec", "compile", "__import__", "execfile"}
UNSAFE_MODULES = {
    *("pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"),
    *("yaml", "code", "codeop", "runpy", "torch"),
}
# Benchmarks' processes: in temporary folders of their own, with nothing of strangers'.
BENCHMARKS = ROOT / "tools" / "benchmarks"


def calls_in(text):
    """The calls in a source text: their dotted names, and the nodes."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def is_given(node):
    """Whether a call writes to what the one door opened."""
    names = {
        item.id
        for argument in node.args[:2]
        for item in ast.walk(argument)
        if isinstance(item, ast.Name)
    }
    return bool(names & GIVEN)


def opens_to_write(name, node):
    """Whether a call opens a file, by its path, to write to it."""
    if name.rpartition(".")[2] not in ("open", "fdopen", "open_memmap", "memmap"):
        return False
    values = [*node.args, *(item.value for item in node.keywords)]
    modes = [item.value for item in values if isinstance(item, ast.Constant)]
    # A short text of such letters is a mode; nothing else of a call is.
    return any(
        isinstance(mode, str) and 0 < len(mode) <= 3 and set(mode) & set("wax+")
        for mode in modes
        if isinstance(mode, str) and set(mode) <= set("rwaxbt+|")
    )


def writes(text):
    """The lines of a source text that write past the one door."""
    for name, node in calls_in(text):
        last = name.rpartition(".")[2]
        is_replace = name in DOTTED or (
            last == "replace" and len(node.args) == 1 and not node.keywords
        )
        is_write = last in WRITES and "." in name and not is_given(node)
        if name in OURS or isinstance(node.func, ast.Name):
            continue
        if last in REMOVES or is_replace or is_write or opens_to_write(name, node):
            yield f"line {node.lineno}: {name}"


def unsafe(text):
    """The lines of a source text that run what they read."""
    for node in ast.walk(ast.parse(text)):
        modules = []
        if isinstance(node, ast.ImportFrom):
            modules = [node.module or ""]
        elif isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        yield from (m for m in modules if m.split(".")[0] in UNSAFE_MODULES)
    for name, node in calls_in(text):
        if name in UNSAFE_NAMES or name == "os.system" or name.startswith("os.popen"):
            yield f"line {node.lineno}: {name}"
        for keyword in node.keywords:
            value = getattr(keyword.value, "value", "not a constant")
            is_unsafe = {
                "allow_pickle": value is not False,
                "safe_mode": value is not True,
                "shell": value is not False,
            }
            if is_unsafe.get(keyword.arg):
                yield f"line {node.lineno}: {name}({keyword.arg}=...)"
        is_loading = name.endswith("load_model")
        is_safe = any(keyword.arg == "safe_mode" for keyword in node.keywords)
        if is_loading and name.startswith(("keras.", "tf.keras.")) and not is_safe:
            yield f"line {node.lineno}: {name}"


def named(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", FILES, ids=named)
def test_every_write_goes_through_the_one_door(path):
    if path not in DOORS and BENCHMARKS not in path.parents:
        assert not list(writes(path.read_text()))


@pytest.mark.parametrize("path", FILES, ids=named)
def test_nothing_is_unpickled_or_evaluated(path):
    if BENCHMARKS not in path.parents:
        # The command runs the scripts of tools/, which came with it, and no others.
        allowed = ["runpy"] if named(path) == "glf_tf/cli/command.py" else []
        assert list(unsafe(path.read_text())) == allowed


@pytest.mark.parametrize(
    "line",
    [
        *("shutil.rmtree(x)", "path.unlink()", "os.replace(a, b)", "os.remove(a)"),
        *("path.write_text('x')", "open_(1); path.open('w')", "path.mkdir()"),
        *("np.save(path, x)", "figure.savefig(path)", "tempfile.mkstemp()"),
        *("image.save(path)", "tf.saved_model.save(m, str(path))", "a.replace(b)"),
        *("np.savez(file, **x)", "gzip.open(path, mode='ab')", "os.fdopen(f, 'w')"),
    ],
)
def test_the_law_on_writes_sees_each(line):
    assert list(writes(line))


@pytest.mark.parametrize(
    "line",
    [
        *(
            "np.save(stream, x)",
            "tf.saved_model.save(m, str(aside))",
            "path.open('rb')",
        ),
        *("text.replace('a', 'b')", "Image.open(path)", "files.remove(path)"),
        *("np.load(path, mmap_mode='r')", "figure.savefig(picture, format='png')"),
    ],
)
def test_the_law_on_writes_lets_pass_what_is_none(line):
    assert not list(writes(line))


@pytest.mark.parametrize(
    "line",
    [
        *("import pickle", "from yaml import load", "eval(x)", "exec(x)"),
        *("np.load(x, allow_pickle=True)", "np.load(x, allow_pickle=flag)"),
        *("keras.models.load_model(x)", "f(x, safe_mode=False)", "os.system(x)"),
        "keras.saving.load_model(x, safe_mode=False)",
        *("subprocess.run(x, shell=True)", "import marshal", "import shelve as s"),
    ],
)
def test_the_law_on_unpickling_sees_each(line):
    assert list(unsafe(line))


def test_security_says_what_may_be_loaded():
    text = (ROOT / "SECURITY.md").read_text()
    for word in ("SavedModel", "run folder", ".npy", "trust", "pickle"):
        assert word in text
