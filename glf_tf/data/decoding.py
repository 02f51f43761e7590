# SPDX-License-Identifier: Apache-2.0
"""Decodes many pictures in chunks, so that memory stays flat whatever their number."""

__all__ = ["OnBroken", "chunks"]

import itertools
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from typing import Literal, TypeVar

import numpy as np
import tqdm
from absl import logging

from glf_tf import errors

OnBroken = Literal["refuse", "skip"]
Item = TypeVar("Item")

_CHUNK = 64
_WORKERS = 2
_NAMED = 3


def chunks(
    items: Iterable[Item],
    decode: Callable[[Item], np.ndarray],
    *,
    name: str,
    total: int | None = None,
    on_broken: OnBroken = "refuse",
) -> Iterator[np.ndarray]:
    """Yields the decoded items in their order; a bar shows progress on a terminal.

    Args:
        items: What to decode: files, or their contents.
        decode: Returns uint8 `[height, width, channels]`, or raises `InvalidValue`.
        name: The data set's name, for the bar and messages.
        total: The number of items, where it is known.
        on_broken: "refuse" hands the error of a broken item on; "skip" leaves the item
            out and warns of all of them at the end.

    Yields:
        images: uint8 `[chunk, height, width, channels]`, never empty.

    Raises:
        InvalidValue: An item is broken and `on_broken` is "refuse", or all are broken.
    """
    broken, whole = [], 0
    bar = tqdm.tqdm(total=total, desc=f"decode {name}", unit="image", disable=None)
    with bar, futures.ThreadPoolExecutor(_WORKERS) as pool:
        for group in _grouped(items):
            results = list(pool.map(lambda item: _attempt(decode, item), group))
            failed = [item for item in results if isinstance(item, Exception)]
            if failed and on_broken == "refuse":
                raise failed[0]
            broken += failed
            images = [item for item in results if isinstance(item, np.ndarray)]
            whole += len(images)
            bar.update(len(group))
            if images:
                yield np.stack(images)
    _report(broken, name=name, whole=whole)


def _grouped(items: Iterable[Item]) -> Iterator[list[Item]]:
    iterator = iter(items)
    while group := list(itertools.islice(iterator, _CHUNK)):
        yield group


def _attempt(
    decode: Callable[[Item], np.ndarray], item: Item
) -> np.ndarray | errors.InvalidValue:
    try:
        return decode(item)
    except errors.InvalidValue as error:
        return error


def _report(broken: list[errors.InvalidValue], *, name: str, whole: int) -> None:
    """Warns of the items that were left out, or refuses a set of which none is left."""
    first = "; ".join(error.received for error in broken[:_NAMED])
    if not whole:
        raise errors.InvalidValue(
            f"At least one picture of {name} must be readable",
            received=f"{len(broken)} broken: {first}" if broken else "no pictures",
            do="Check the files that are looked at",
        )
    if broken:
        more = "; ..." if len(broken) > _NAMED else ""
        logging.warning(
            "%s: skipped %d broken pictures: %s%s", name, len(broken), first, more
        )
