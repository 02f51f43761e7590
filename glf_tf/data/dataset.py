# SPDX-License-Identifier: Apache-2.0
"""What every data set is: a name that loads its splits from wherever they are."""

__all__ = ["AbstractDataset", "Places", "Split", "check_split"]

import abc
import dataclasses
import pathlib
from typing import Any, Literal, get_args

from glf_tf import errors
from glf_tf.data import image_set

Split = Literal["train", "test"]


@dataclasses.dataclass(frozen=True)
class Places:
    """Where a data set may be looked for.

    Attributes:
        data_dir: The user's folder of data, or None.
        cache_dir: A folder of ours for decoded copies of large sets.
        download: Whether the network may be used.
    """

    data_dir: pathlib.Path | None = None
    cache_dir: pathlib.Path = pathlib.Path("~/.cache/glf_tf")
    download: bool = False

    def __post_init__(self):
        """Expands `~` in both folders.

        Raises:
            NotFound: `data_dir` is given and is not a folder.
        """
        cache_dir = pathlib.Path(self.cache_dir).expanduser()
        object.__setattr__(self, "cache_dir", cache_dir)
        if self.data_dir is None:
            return
        data_dir = pathlib.Path(self.data_dir).expanduser()
        object.__setattr__(self, "data_dir", data_dir)
        if not data_dir.is_dir():
            kind = "a file" if data_dir.exists() else "no such folder"
            raise errors.NotFound(
                "`data_dir` must be a folder that exists",
                received=f"--data_dir={data_dir} ({kind})",
                do="Make the folder, or pass the one that holds your data",
            )

    def folders(self, *names: str) -> list[pathlib.Path]:
        """Returns `data_dir/name` for each name, then `data_dir`; none without it.

        The more specific folders come first, so that one `data_dir` can hold several
        sets whose files have the same names.
        """
        if self.data_dir is None:
            return []
        return [*(self.data_dir / name for name in names), self.data_dir]


class AbstractDataset(abc.ABC):
    """A data set of images.

    A subclass takes `places` and, after it, keywords with defaults, which become flags.

    Attributes:
        places: Where it may be looked for.
        squaring: How a user's pictures become images like those of the set: keywords
            of `pictures.square` beside size and channels.
    """

    def __init__(self, places: Places):
        self.places = places
        self.squaring: dict[str, Any] = {}

    @abc.abstractmethod
    def load(self, split: Split) -> image_set.ImageSet:
        """Returns one split.

        Raises:
            NotFound: There is no copy in any of the places; the message lists them.
        """

    def report(self) -> tuple[str, ...]:
        """Returns lines on what was found, for people; none for a set that is known."""
        return ()


def check_split(split: str) -> None:
    """Refuses the name of a split that no data set has.

    Raises:
        InvalidValue: `split` is neither "train" nor "test".
    """
    if split not in get_args(Split):
        raise errors.InvalidValue(
            "`split` must be one of the two that every data set has",
            received=f"split={split!r}",
            do=errors.suggestion(split, get_args(Split)),
        )
