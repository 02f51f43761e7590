# SPDX-License-Identifier: Apache-2.0
"""Tables of a document, and the pictures of those that vary a flag."""

import pytest
from PIL import Image

from tests import calls

TABLE = "gans_search_fashion_mnist"
VARIED = "anomalies_mnist"


def used(*arguments):
    done = calls.call("tabulate", *arguments)
    assert done.status == 0, done.stderr


@pytest.fixture
def document(tmp_path):
    text = "<!-- table: {} -->\nold\n<!-- end of table -->\n"
    path = tmp_path / "document.md"
    path.write_text("".join(text.format(name) for name in (TABLE, VARIED)))
    return path


def test_tables_that_vary_a_flag_are_drawn(document, tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    used(f"--documents={document}", f"--pictures={pictures}")
    assert "old" not in document.read_text()
    assert [path.name for path in pictures.iterdir()] == [f"{VARIED}.png"]
    with Image.open(pictures / f"{VARIED}.png") as image:
        assert len(image.getcolors(1 << 24)) > 10
    before = document.read_text()
    used(f"--documents={document}", "--check")
    assert document.read_text() == before
