# SPDX-License-Identifier: Apache-2.0
"""Fashion-MNIST: 70,000 pictures of clothes in the format of MNIST.

Xiao, Rasul, Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine
Learning Algorithms", 2017. https://arxiv.org/abs/1708.07747
"""

__all__ = ["FashionMnist"]

from glf_tf.data import image_set
from glf_tf.data import paths as paths_lib
from glf_tf.datasets import dataset, idx_folder, sources, tfds_source

_FOLDERS = (
    "fashion_mnist",
    "fashion-mnist",
    "FashionMNIST",
    "FashionMNIST/raw",
    "fashion_mnist/raw",
)
DEBIAN_FOLDER = "/usr/share/datasets/fashion-mnist"
"""Where Debian's package dataset-fashion-mnist puts the files."""


class FashionMnist(dataset.AbstractDataset):
    """Fashion-MNIST: 60,000 and 10,000 grey pictures of 28x28 pixels, in 10 classes.

    Args:
        paths: Searched for IDX files in `data_dir/fashion_mnist` or `data_dir`,
            then where Debian puts them, then TFDS.
    """

    def __init__(self, paths: paths_lib.DataPaths):
        super().__init__(paths)

    def load(self, split: dataset.Split) -> image_set.ImageSet:
        """Returns one split: images uint8 `[size, 28, 28, 1]`, labels in [0, 9]."""
        dataset.check_split(split)
        folders = [*self.paths.folders(*_FOLDERS), DEBIAN_FOLDER]
        candidates = [
            *(
                idx_folder.source("fashion_mnist", split, folder=item)
                for item in folders
            ),
            *tfds_source.sources_of("fashion_mnist", split, paths=self.paths),
        ]
        return sources.first(
            "fashion_mnist",
            candidates,
            do="Run `apt-get install dataset-fashion-mnist`; or put the four files "
            "train-images-idx3-ubyte.gz ... of Fashion-MNIST in a folder and pass "
            "--data_dir=FOLDER; or pass --download on a connected machine",
        )
