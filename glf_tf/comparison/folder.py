# SPDX-License-Identifier: Apache-2.0
"""The layout and lock of a comparison's folder."""

__all__ = ["Folder"]

import contextlib
import dataclasses
import json
import pathlib

from glf_tf import files, folders
from glf_tf.experiments import folder as folder_lib
from glf_tf.experiments import locking

_OUTPUTS = (
    *("lock", "table.md", "table.json", "samples.png", "curves.png", "curves.csv"),
    *("values.png", "hparams"),
)


@dataclasses.dataclass(frozen=True)
class Folder:
    """The folder of a comparison.

    NAME/ the run of a recipe, with its measurements (comparison.json)
                      and the output of the training (training.log)
    NAME_seed_K/      the run of another seed
    table.md          the table
    table.json        all numbers, by seed and trial
    samples.png       samples side by side
    curves.png        what a table shows of training, and curves.csv its numbers
    values.png        measures by the values of the flag that a table varies
    hparams/          settings and numbers, for TensorBoard's HParams page
    real_images.json  measurements of real images under the same protocol

    Attributes:
        path: The folder.
    """

    path: pathlib.Path

    @property
    def markdown(self) -> pathlib.Path:
        """The table."""
        return self.path / "table.md"

    @property
    def numbers(self) -> pathlib.Path:
        """All numbers."""
        return self.path / "table.json"

    @property
    def samples(self) -> pathlib.Path:
        """Samples side by side."""
        return self.path / "samples.png"

    @property
    def curves(self) -> pathlib.Path:
        """Curves of training."""
        return self.path / "curves.png"

    @property
    def values(self) -> pathlib.Path:
        """Measures by the values of a flag."""
        return self.path / "values.png"

    @property
    def hparams(self) -> pathlib.Path:
        """The TensorBoard files."""
        return self.path / "hparams"

    def check_own(self) -> None:
        """Checks that the folder is empty or that of a comparison.

        Raises:
            Occupied: It has other content, or a link in the place of an output.
        """
        for name in _OUTPUTS:
            files.check_no_link(self.path / name)
        is_run = self.run("").description.exists()
        if is_run or not locking.is_a_lock(self.path / "lock"):
            folders.check_new(self.path, ours=())

    def run(self, name: str) -> folder_lib.Folder:
        """Returns the folder of a training."""
        return folder_lib.Folder(self.path / name)

    def write(self, name: str, text: str) -> None:
        """Writes a small file atomically."""
        folder_lib.Folder(self.path).write(name, text)

    def read_json(self, name: str) -> object:
        """Returns the content of a JSON file; None if it does not exist."""
        file = self.path / name
        return json.loads(file.read_text()) if file.exists() else None

    def lock(self) -> contextlib.AbstractContextManager[int]:
        """Locks the folder while this process, or a child of it, runs.

        The child of a killed comparison keeps training. It inherits the descriptor and
        thereby the lock, so that the next comparison waits for it.

        Returns:
            context: Returns the descriptor, which children inherit.

        Raises:
            Busy: On entering, if another process uses the folder.
        """
        return locking.locked(
            self.path / "lock",
            rule="Only one comparison at a time may use a folder",
            received=f"--out={self.path}, used by another, or by a training that it "
            "left running",
        )
