# SPDX-License-Identifier: Apache-2.0
"""Paths of data and caches."""

__all__ = ["DataPaths"]

import dataclasses
import pathlib

from glf_tf import errors


@dataclasses.dataclass(frozen=True)
class DataPaths:
    """Paths of data sets and caches.

    Attributes:
        data_dir: The user's data folder, or the file of a table, or None.
        cache_dir: Holds decoded copies of large data sets, classifiers and statistics.
        download: Whether the network may be used.
    """

    data_dir: pathlib.Path | None = None
    cache_dir: pathlib.Path = pathlib.Path("~/.cache/glf_tf")
    download: bool = False

    def __post_init__(self):
        """Expands `~` in both folders.

        Raises:
            NotFound: `data_dir` is given, and is neither a folder nor a table.
        """
        cache_dir = pathlib.Path(self.cache_dir).expanduser()
        object.__setattr__(self, "cache_dir", cache_dir)
        if self.data_dir is None:
            return
        data_dir = pathlib.Path(self.data_dir).expanduser()
        object.__setattr__(self, "data_dir", data_dir)
        if not data_dir.is_dir() and not _is_table(data_dir):
            kind = "a file" if data_dir.exists() else "no such folder"
            raise errors.NotFound(
                "`data_dir` must be a folder that exists, or the file of a table",
                received=f"--data_dir={data_dir} ({kind})",
                do="Make the folder, or pass the one that holds your data",
            )

    def folders(self, *names: str) -> list[pathlib.Path]:
        """Returns `data_dir/name` for each name, then `data_dir`; or [] without it.

        The more specific folders come first, so that one `data_dir` can hold several
        sets whose files have the same names.
        """
        if self.data_dir is None or self.data_dir.is_file():
            return []
        return [*(self.data_dir / name for name in names), self.data_dir]


def _is_table(path: pathlib.Path) -> bool:
    # Imported here, as help loads no NumPy.
    from glf_tf.data import tables

    return tables.is_table(path) and path.is_file()
