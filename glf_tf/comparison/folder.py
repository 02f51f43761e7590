# SPDX-License-Identifier: Apache-2.0
"""What lies where in the folder of a comparison, and who may work there."""

__all__ = ["Folder"]

import contextlib
import dataclasses
import json
import pathlib

from glf_tf import files, folders
from glf_tf.experiments import folder as folder_lib
from glf_tf.experiments import locking


@dataclasses.dataclass(frozen=True)
class Folder:
    """The folder of a comparison.

    NAME/             the run of a recipe, with what was measured (comparison.json)
                      and what the training told (training.log)
    NAME_seed_K/      the run of another seed
    table.md          the table
    table.json        all numbers, by seed and trial
    samples.png       samples side by side
    hparams/          settings and numbers, for TensorBoard's HParams page
    real_images.json  what real images get under the same protocol

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
    def hparams(self) -> pathlib.Path:
        """TensorBoard's files."""
        return self.path / "hparams"

    def check_own(self) -> None:
        """Checks that a comparison may write here: in an empty folder, or in its own.

        Raises:
            Occupied: Something else is here, or a link stands where it writes.
        """
        for name in ("lock", "table.md", "table.json", "samples.png", "hparams"):
            files.check_no_link(self.path / name)
        is_run = self.run("").description.exists()
        if is_run or not locking.is_a_lock(self.path / "lock"):
            folders.check_new(self.path, ours=())

    def run(self, name: str) -> folder_lib.Folder:
        """Returns the folder of a training."""
        return folder_lib.Folder(self.path / name)

    def write(self, name: str, text: str) -> None:
        """Writes a small file whole or not at all."""
        folder_lib.Folder(self.path).write(name, text)

    def read_json(self, name: str) -> object:
        """Returns what a file of ours holds; None where there is none."""
        file = self.path / name
        return json.loads(file.read_text()) if file.exists() else None

    def lock(self) -> contextlib.AbstractContextManager[int]:
        """Keeps other comparisons out while this one, or a child of it, lives.

        A comparison that is killed leaves its child training: whoever holds the
        descriptor holds the lock, so the next one waits for that child.

        Returns:
            context: Gives the descriptor, which children inherit.

        Raises:
            Busy: On entering, where somebody works in the folder.
        """
        return locking.locked(
            self.path / "lock",
            rule="One comparison at a time works in a folder",
            received=f"--out={self.path}, in which another one, or a training that it "
            "left, still works",
        )
