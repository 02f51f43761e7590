# SPDX-License-Identifier: Apache-2.0
"""Scalars in a file: what is a record, and what is not."""

import pytest

from glf_tf.training import summaries

NO_RECORDS = (
    *(b"7", b"[1]", b"null", b'"x"', b"{}", b'{"a": 1}', b'{"step": "x"}'),
    *(b'{"step": NaN}', b'{"step": -1}', b'{"step": 1, "a": []}', b'{"step": 1'),
    *(b"\xff\xfe", b"[" * 99999, b'{"step": true}', b'{"step": 1, "a": null}'),
)


@pytest.mark.parametrize("line", NO_RECORDS)
def test_what_is_no_record_is_left_out(tmp_path, line):
    file = tmp_path / "metrics.jsonl"
    file.write_bytes(b'{"step": 1, "a": "nan"}\n' + line + b'\n{"step": 2, "a": 0.5}\n')
    assert [item["step"] for item in summaries.read(file)] == [1, 2]
    summaries.Summaries(tmp_path).rewind(1)
    assert file.read_text() == '{"step": 1, "a": "nan"}\n'


def test_a_folder_in_its_place_tells_nothing(tmp_path):
    (tmp_path / "metrics.jsonl").mkdir()
    assert summaries.read(tmp_path / "metrics.jsonl") == []


def test_old_runs_have_the_speed_under_its_present_name(tmp_path):
    file = tmp_path / "metrics.jsonl"
    file.write_text('{"step": 1, "epoch/images_per_second": 9.0, "test/nll": 2.0}\n')
    (found,) = summaries.read(file)
    assert found == {"step": 1, "epoch/examples_per_second": 9.0, "test/nll": 2.0}
