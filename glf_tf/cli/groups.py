# SPDX-License-Identifier: Apache-2.0
"""Groups of flags in the help text."""

__all__ = ["group", "of"]

import contextlib
from collections.abc import Iterator

from absl import flags

FLAGS = flags.FLAGS

_NOTE = "group"


@contextlib.contextmanager
def group(title: str) -> Iterator[None]:
    """Puts the flags defined in the context into a group.

    Args:
        title: The group's title in help; flags that already have a group keep it.
    """
    before = set(FLAGS)
    yield
    for name in set(FLAGS) - before:
        # absl has no attribute for it; this way the group belongs to the flag.
        vars(FLAGS[name]).setdefault(_NOTE, title)


def of(flag: flags.Flag, *, default: str) -> str:
    """Returns the title of a flag's group, or the default without a group."""
    return vars(flag).get(_NOTE, default)
