# SPDX-License-Identifier: Apache-2.0
"""Groups of flags, under whose titles help lists them."""

__all__ = ["group", "of"]

import contextlib
from collections.abc import Iterator

from absl import flags

FLAGS = flags.FLAGS

_NOTE = "group"


@contextlib.contextmanager
def group(title: str) -> Iterator[None]:
    """Puts the flags that are defined in the context into a group.

    Args:
        title: What help calls the group; flags that are in one already stay there.
    """
    before = set(FLAGS)
    yield
    for name in set(FLAGS) - before:
        # absl has no place for it; the group is gone with the flag.
        vars(FLAGS[name]).setdefault(_NOTE, title)


def of(flag: flags.Flag, *, default: str) -> str:
    """Returns the title of a flag's group, or the default where it is in none."""
    return vars(flag).get(_NOTE, default)
