# SPDX-License-Identifier: Apache-2.0
"""Images that the user keeps as arrays of NumPy, ready to be learned from."""

__all__ = ["Arrays"]

import pathlib

from glf_tf import errors
from glf_tf.data import arrays, image_set, pixels, python_arrays
from glf_tf.datasets import dataset


class Arrays(dataset.AbstractDataset):
    """The arrays `train.npy` and `test.npy` in `data_dir`; or `.npz`, with one array.

    Each is uint8, or floats in [0, 1], `[size, height, width]` or `[size, height,
    width, channels]`. Labels are in `train_labels.npy` and `test_labels.npy`, if there
    are any. It is also the data set of a model that was fitted in Python to images
    without a name: who has them again writes them there.
    """

    def load(self, split: dataset.Split) -> image_set.ImageSet:
        """Returns one split: images uint8 `[size, height, width, channels]`.

        Raises:
            InvalidType: Labels are no whole numbers, or not one an image.
            NotFound: There is no such file.
            Damaged: It is cut off, or no array of images.
            InvalidValue: A float in it is outside of [0, 1] or NaN.
        """
        dataset.check_split(split)
        file = self._file(split)
        found = image_set.ImageSet(
            name="arrays",
            split=split,
            images=pixels.round_to_uint8(arrays.read(file)),
            source=str(file.parent),
        )
        labels = file.with_name(f"{split}_labels.npy")
        if not labels.is_file():
            return found
        return python_arrays.labelled(found, arrays.read_labels(labels))

    def _file(self, split: dataset.Split) -> pathlib.Path:
        folder = next(iter(self.paths.folders()), None)
        for suffix in (".npy", ".npz") if folder else ():
            if (folder / f"{split}{suffix}").is_file():
                return folder / f"{split}{suffix}"
        raise errors.NotFound(
            "The data set `arrays` is train.npy and test.npy, which numpy.save writes",
            received=f"no {split}.npy in {folder}" if folder else self.paths.received,
            do="Write the images there, and pass --data_dir=FOLDER",
        )
