# SPDX-License-Identifier: Apache-2.0
"""The base class of data sets that are made of another one."""

__all__ = ["AbstractWrapped"]

from glf_tf import parts, types
from glf_tf.data import image_set
from glf_tf.data import paths as paths_lib
from glf_tf.datasets import dataset as dataset_lib


class AbstractWrapped(dataset_lib.AbstractDataset):
    """A data set made of another one, `whole`, whose splits it has.

    So a run is validated on what is held out wherever in the chain it is.
    """

    def __init__(self, paths: paths_lib.DataPaths, *, dataset: types.Dataset):
        """Initializes the data set.

        Args:
            paths: Folders to search for the other set.
            dataset: The other set.
        """
        super().__init__(paths)
        self.whole = parts.make("dataset", dataset, paths=paths)
        self.squaring = self.whole.squaring

    def _images(self, split: dataset_lib.Split) -> image_set.ImageSet:
        """Returns a split of the other set, whose examples must be images.

        Raises:
            Unsupported: They are others.
        """
        by = f"Data sets such as {type(self).__name__}"
        return image_set.checked(self.whole.load(split), by=by)

    @property
    def splits(self) -> tuple[dataset_lib.Split, ...]:
        """Those of the other set."""
        return self.whole.splits

    def report(self) -> tuple[str, ...]:
        """Returns the report of the other set."""
        return self.whole.report()
