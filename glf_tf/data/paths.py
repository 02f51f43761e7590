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
        if not data_dir.is_dir() and not (_is_table(data_dir) and data_dir.is_file()):
            raise _missing(data_dir)

    @property
    def received(self) -> str:
        """What a message says was received where the files are not there."""
        if self.data_dir is None:
            return "no --data_dir"
        kind = "a folder" if self.data_dir.is_dir() else "a file"
        return f"--data_dir={self.data_dir} ({kind})"

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

    return tables.is_table(path)


def _missing(path: pathlib.Path) -> errors.NotFound:
    if path.exists():
        kind, do = "a file of another name", "Pass its folder, or a file of such a name"
    elif _is_table(path):
        kind, do = "no such file", "Check the path of the file"
    else:
        kind, do = "no such folder", "Make the folder, or pass the one with your data"
    return errors.NotFound(
        "`data_dir` must be a folder that exists, or the file of a table: NAME.npz, "
        "NAME.npy or NAME.csv",
        received=f"--data_dir={path} ({kind})",
        do=do,
    )
