# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from glf_tf import errors
from glf_tf.data import decoding, pictures


def decode(item: int) -> pictures.Picture:
    if item < 0:
        raise errors.InvalidValue("Whole", received=f"item{item}", do="Fetch it")
    return pictures.Picture(np.full((1, 1, 1), item % 256, np.uint8))


def values(items, **options) -> list[int]:
    chunks = list(decoding.chunks(items, decode, name="some", **options))
    assert all(len(chunk) for chunk in chunks)
    return np.concatenate(chunks).ravel().tolist()


def test_order_is_kept_over_chunks():
    assert values(range(200)) == list(range(200))


def test_memory_stays_flat():
    """Items are taken as they are needed, not all at once."""
    taken = []
    items = (taken.append(item) or item for item in range(1000))
    next(decoding.chunks(items, decode, name="some"))
    assert len(taken) < 300


def test_all_broken_items_are_refused_at_once():
    with pytest.raises(errors.Damaged, match="2 broken: item-1; item-2.*--o=skip"):
        values([1, -1, *range(100), -2], flag="--o")


def test_broken_items_are_skipped_with_one_warning(caplog):
    items = [*range(100), -1, -2, -3, -4]
    assert values(items, on_broken="skip") == list(range(100))
    (record,) = caplog.records
    assert record.getMessage() == (
        "some: 100 of 104 pictures used; "
        "skipped 4 broken: item-1; item-2; item-3; item-4"
    )


def test_whole_items_give_no_warning(caplog):
    values([1, 2], on_broken="skip")
    assert not caplog.records


@pytest.mark.parametrize(
    ("items", "word"), [([], "no pictures"), ([-1, -2], "2 broken")]
)
def test_nothing_readable_is_refused(items, word):
    with pytest.raises(errors.Damaged, match=word):
        values(items, on_broken="skip")


def test_bar_shows_only_on_a_terminal(capfd):
    values([1, 2], total=2)
    assert not capfd.readouterr().err


def test_notes_are_counted(caplog):
    def noted(item):
        return pictures.Picture(decode(item).pixels, (pictures.ENLARGED,) * (item < 3))

    report = decoding.Report()
    list(decoding.chunks(range(9), noted, name="some", report=report))
    assert report.used == list(range(9))
    assert "9 of 9 pictures used; 3 were enlarged" in caplog.text
