# SPDX-License-Identifier: Apache-2.0
"""The Python blocks of the documents run as written, a document in one process.

They find the folder of a small run at runs/glf/digits. A block that needs hours, a GPU
or real data stands below a line `<!-- not run: why -->`.
"""

import pathlib
import re
import shutil
import sys
import types

import pytest

from glf_tf import export
from glf_tf.experiments import restore

ROOT = pathlib.Path(__file__).parents[2]
RUN = ROOT / "tests/data/runs/glf"
BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<why>[^\n]+) -->\n+)?```python\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
DOCUMENTS = [
    path
    for path in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
    if "```python" in path.read_text()
]


def blocks(text):
    """Returns the blocks that are run, each below as many empty lines as it stands."""
    return [
        "\n" * text.count("\n", 0, match.start("code")) + match["code"]
        for match in BLOCK.finditer(text)
        if match["why"] is None
    ]


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """The folder of a run, with its SavedModel."""
    run = shutil.copytree(RUN, tmp_path_factory.mktemp("documents") / "digits")
    export.export(restore.load_model(run), run / "saved_model")
    return run


@pytest.fixture
def module(monkeypatch):
    """A module in which blocks are executed, so that their classes can be found."""
    made = types.ModuleType("blocks_of_a_document")
    monkeypatch.setitem(sys.modules, made.__name__, made)
    return made


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_blocks_run_as_written(path, module, digits, tmp_path, monkeypatch):
    shutil.copytree(digits, tmp_path / "runs/glf/digits")
    monkeypatch.chdir(tmp_path)
    for block in blocks(path.read_text()):
        exec(compile(block, str(path), "exec"), module.__dict__)


def test_a_block_that_is_not_run_says_why():
    shown = "<!-- not run: needs a GPU -->\n```python\nfoo\n```\n```python\nbar\n```\n"
    assert blocks(shown) == ["\n" * 5 + "bar\n"]


def test_no_document_hides_that_a_block_is_not_run():
    for path in DOCUMENTS:
        text = path.read_text()
        assert len(BLOCK.findall(text)) == text.count("```python"), path
