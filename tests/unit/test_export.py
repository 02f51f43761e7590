# SPDX-License-Identifier: Apache-2.0
"""An export replaces an export of ours, and nothing else."""

import resource
import shutil
import signal

import pytest
import tensorflow as tf

from glf_tf import errors, export, folders
from glf_tf.models import vae


@pytest.fixture(scope="module")
def model():
    return vae.VAE((4, 4, 1), latent_dim=2, network={"name": "mlp", "hidden": (4,)})


def test_an_export_is_marked_loads_and_is_replaced(model, tmp_path):
    for _ in range(2):
        export.export(model, tmp_path / "x")
    assert (tmp_path / "x" / folders.MARK).exists()
    loaded = tf.saved_model.load(str(tmp_path / "x"))
    assert "sample" in loaded.signatures
    assert [item.name for item in tmp_path.iterdir()] == ["x"]


def test_a_run_or_any_folder_of_somebody_is_refused(model, tmp_path):
    for name in ("run.json", "thesis.tex", "saved_model.pb"):
        folder = tmp_path / name.partition(".")[0]
        folder.mkdir()
        (folder / name).write_text("theirs")
        with pytest.raises(errors.Occupied, match=name):
            export.export(model, folder)
        assert (folder / name).read_text() == "theirs"
    with pytest.raises(errors.Occupied, match="thesis"):
        export.check(tmp_path)


def test_a_runs_export_of_before_the_mark_is_replaced(model, tmp_path):
    export.export(model, tmp_path / "x")
    for name in (folders.MARK, "README.md", "metadata.json"):
        (tmp_path / "x" / name).unlink()
    shutil.rmtree(tmp_path / "x" / "assets.extra")
    export.export(model, tmp_path / "x", is_of_run=True)
    assert (tmp_path / "x" / folders.MARK).exists()
    (tmp_path / "x" / "notes.txt").write_text("theirs")
    export.export(model, tmp_path / "x", is_of_run=True)
    assert (tmp_path / "x" / "notes.txt").read_text() == "theirs"
    with pytest.raises(errors.Occupied, match="notes"):
        export.export(model, tmp_path / "x")


def test_a_full_disk_leaves_the_export_before(model, tmp_path):
    export.export(model, tmp_path / "x")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limit[1]))
        with pytest.raises(OSError, match="."):
            export.export(model, tmp_path / "x")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, handler)
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert after == before
