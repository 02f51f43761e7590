# SPDX-License-Identifier: Apache-2.0
"""What every data set is: a name that loads its splits from wherever they are."""

__all__ = ["AbstractDataset", "Split"]

import abc
import dataclasses
import pathlib
from typing import Literal

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


class AbstractDataset(abc.ABC):
    """A data set of images.

    A subclass takes `places` and, after it, keywords with defaults, which become flags.
    """

    def __init__(self, places: Places):
        self.places = places

    @abc.abstractmethod
    def load(self, split: Split) -> image_set.ImageSet:
        """Returns one split.

        Raises:
            NotFound: There is no copy in any of the places; the message lists them.
        """
