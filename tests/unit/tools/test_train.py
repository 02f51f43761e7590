# SPDX-License-Identifier: Apache-2.0
"""What training prints at its end."""

import pytest

from glf_tf.experiments import experiment
from tests import calls


@pytest.mark.parametrize("is_exported", [True, False])
def test_a_saved_model_is_listed_if_there_is_one(tmp_path, monkeypatch, is_exported):
    def train(plan, folder, **_):
        if plan.reports.export:
            folder.saved_model.mkdir()

    monkeypatch.setattr(experiment, "train", train)
    monkeypatch.setattr(experiment, "is_chief", lambda _: True)
    flags = ("--epochs=1", "--batch_size=8", f"--export={is_exported}")
    done = calls.call("train", f"--workdir={tmp_path}", *flags)
    assert done.status == 0, done.stderr
    assert f"checkpoints      {tmp_path}/checkpoints\n" in done.output
    assert ("SavedModel" in done.output) == is_exported
