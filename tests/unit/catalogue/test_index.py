# SPDX-License-Identifier: Apache-2.0
"""The committed index says what inspecting the parts says, or is not used."""

import shutil

import pytest

from glf_tf import errors
from glf_tf.catalogue import __main__ as program
from glf_tf.catalogue import builtin, finding, index
from glf_tf.catalogue.kinds import KINDS

RENEW = "A part was changed: run python -m glf_tf.catalogue"


@pytest.fixture
def forgetful():
    """Forgets what was read of the index, before and after."""
    cached = (index.entries, index.is_fresh, index._read, index._content)
    for function in cached:
        function.cache_clear()
    yield
    for function in cached:
        function.cache_clear()


def test_the_index_is_that_of_the_sources():
    assert index.is_fresh(), RENEW
    assert index.FILE.read_text() == index.text_of(index.made()), RENEW


def test_what_is_read_of_the_index_is_what_inspecting_says():
    found = index.made()
    for kind in KINDS.values():
        assert index._read()[kind.name] == found[kind.name], RENEW


@pytest.mark.parametrize("text", ["", "{", "{}", None])
def test_without_a_fitting_index_parts_are_inspected(
    forgetful, monkeypatch, tmp_path, text
):
    file = tmp_path / "index.json"
    if text is not None:
        file.write_text(text)
    monkeypatch.setattr(index, "FILE", file)
    assert not index.is_fresh()
    assert "half" in finding.names("mask")
    assert finding.options("mask", "half")["side"].default == "right"


def test_a_changed_source_makes_the_index_unfit(forgetful, monkeypatch, tmp_path):
    package = index._PACKAGE
    for folder in index._SOURCES:
        shutil.copytree(package / folder, tmp_path / folder)
    for name in ("signatures.py", "types.py"):
        shutil.copy(package / name, tmp_path)
    monkeypatch.setattr(index, "_PACKAGE", tmp_path)
    fits = index._content()["digests"]
    assert dict(index._digests()) == fits
    file = tmp_path / "flows/real_nvp.py"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert dict(index._digests()) == fits
    file.write_text("")
    assert dict(index._digests()) != fits
    assert not index.is_fresh()


def test_the_check_tells_what_to_run(forgetful, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(index, "FILE", tmp_path / "index.json")
    assert program.main(["--check"]) == 1
    assert "python -m glf_tf.catalogue" in capsys.readouterr().err
    assert program.main([]) == 0
    index._content.cache_clear()
    index.is_fresh.cache_clear()
    assert program.main(["--check"]) == 0
    assert program.main(["--chekc"]) == 2


def test_a_file_with_two_parts_is_refused(monkeypatch):
    monkeypatch.setattr(builtin, "candidates", lambda kind, module: [int, str])
    builtin.scanned.cache_clear()
    with pytest.raises(errors.InvalidValue, match="with int, str"):
        builtin.scanned(KINDS["mask"])


def test_what_is_chosen_by_no_name_says_so_itself():
    """No class is kept out by its name, and no file of a part folder has two."""
    kept_out = {
        cls.__name__
        for kind in KINDS.values()
        for cls in _concrete(kind.base)
        if not vars(cls).get("is_selectable", True)
    }
    assert kept_out == {
        *("AbstractGaussian", "LatentEnergy", "SecondStageVAE", "VampPrior"),
        "_Standardization",
    }


def _concrete(base):
    for cls in base.__subclasses__():
        yield cls
        yield from _concrete(cls)
