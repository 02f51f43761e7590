# SPDX-License-Identifier: Apache-2.0
"""MNIST: 70,000 handwritten digits.

LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document
recognition", Proceedings of the IEEE 86(11), 1998. http://yann.lecun.com/exdb/mnist
"""

__all__ = ["Mnist"]

from glf_tf.data import image_set
from glf_tf.data import paths as paths_lib
from glf_tf.datasets import dataset, idx_folder, sources, tfds_source

_FOLDERS = ("mnist", "MNIST", "MNIST/raw", "mnist/raw")


class Mnist(dataset.AbstractDataset):
    """MNIST: 60,000 and 10,000 grey digits of 28x28 pixels, in 10 classes.

    Args:
        paths: Searched for IDX files in `data_dir/mnist` or `data_dir`, then TFDS.
    """

    def __init__(self, paths: paths_lib.DataPaths):
        super().__init__(paths)

    def load(self, split: dataset.Split) -> image_set.ImageSet:
        """Returns one split: images uint8 `[size, 28, 28, 1]`, labels in [0, 9]."""
        dataset.check_split(split)
        folders = self.paths.folders(*_FOLDERS)
        candidates = [
            *(idx_folder.source("mnist", split, folder=item) for item in folders),
            *tfds_source.sources_of("mnist", split, paths=self.paths),
        ]
        return sources.first(
            "mnist",
            candidates,
            do="Put the four files train-images-idx3-ubyte.gz ... of MNIST in a folder "
            "and pass --data_dir=FOLDER, or pass --download on a connected machine",
        )
