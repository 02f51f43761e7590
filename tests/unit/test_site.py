# SPDX-License-Identifier: Apache-2.0
"""What docs/hooks.py makes of pages; `make docs` builds and checks the site itself."""

import pathlib
import runpy
import types

import pytest

exceptions = pytest.importorskip("mkdocs.exceptions", reason="needs glf_tf[docs]")

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module")
def hooks():
    return types.SimpleNamespace(**runpy.run_path(str(ROOT / "docs/hooks.py")))


def page(name):
    file = types.SimpleNamespace(src_uri=name)
    return types.SimpleNamespace(file=file, parent="a section", meta={})


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("README.md", "[x](docs/a.md#b) [y](BUILD.md)", "[x](a.md#b) [y](BUILD.md)"),
        ("README.md", '<img src="docs/images/a.png">', '<img src="images/a.png">'),
        ("tools.md", "[x](../BUILD.md#b) [y](a.md)", "[x](BUILD.md#b) [y](a.md)"),
    ],
)
def test_links_lead_to_pages(hooks, name, text, expected):
    made = hooks.on_page_markdown(text, page=page(name), config=None, files=None)
    assert made == expected


@pytest.mark.parametrize(
    "tag",
    [
        '<script src="https://cdn.example/x.js">',
        '<link rel="stylesheet" href="//fonts.example/css">',
        '<img alt="x" src="http://example/x.png">',
    ],
)
def test_a_page_that_loads_from_elsewhere_is_refused(hooks, tag):
    with pytest.raises(exceptions.PluginError, match="from elsewhere"):
        hooks.on_post_page(f"<p>{tag}</p>", page=page("tools.md"), config=None)


@pytest.mark.parametrize("text", ["<p>a\n* b</p>", "<p>| a | b |\n| --- |</p>"])
def test_a_list_or_a_table_that_is_shown_as_text_is_refused(hooks, text):
    assert hooks.on_post_page(f"<pre>{text}</pre>", page=page("a.md"), config=None)
    with pytest.raises(exceptions.PluginError, match="empty line"):
        hooks.on_post_page(text, page=page("a.md"), config=None)


def test_a_page_may_link_to_elsewhere(hooks):
    output = '<a href="https://arxiv.org/abs/1905.10485">'
    assert hooks.on_post_page(output, page=page("tools.md"), config=None) == output


def test_the_reference_has_every_module_of_a_package(hooks):
    text = hooks.reference("masks", "Masks")
    for path in (ROOT / "glf_tf/masks").glob("[a-z]*.py"):
        assert f"::: glf_tf.masks.{path.stem}\n" in text
