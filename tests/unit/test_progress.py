# SPDX-License-Identifier: Apache-2.0
"""Progress of long work without a terminal: lines, and none of what is short."""

import pytest

from glf_tf import progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is told to go on."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])

    def wait(seconds):
        now[0] += seconds

    return wait


def test_short_work_says_nothing(clock, capsys):
    for _ in progress.over(range(10), "decode"):
        clock(progress.SECONDS / 11)
    assert capsys.readouterr().err == ""


def test_long_work_says_now_and_then_how_long_it_takes(clock, capsys):
    for _ in progress.over(range(100), "decode", unit="image"):
        clock(10)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "decode: 3 of 100 images, 16 min to go"
    assert lines[-1] == "decode: 99 of 100 images, 10 s to go"
    assert len(lines) == 33


def test_work_without_an_end_says_what_is_done(clock, capsys):
    with progress.bar("read", unit="file") as bar:
        clock(120)
        bar.update(7)
    assert capsys.readouterr().err == "read: 7 files in 2 min\n"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 s"),
        (89, "89 s"),
        (90, "2 min"),
        (5399, "1 h 30 min"),
        (12000, "3 h 20 min"),
    ],
)
def test_seconds_in_words(seconds, expected):
    assert progress.duration(seconds) == expected


def test_a_terminal_has_a_bar(monkeypatch, capsys):
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: True, raising=False)
    assert list(progress.over(range(3), "decode")) == [0, 1, 2]
    assert "decode: 100%" in capsys.readouterr().err
