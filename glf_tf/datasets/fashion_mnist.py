# SPDX-License-Identifier: Apache-2.0
"""Fashion-MNIST: 70,000 pictures of clothes in the format of MNIST.

Xiao, Rasul, Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine
Learning Algorithms", 2017. https://arxiv.org/abs/1708.07747
"""

__all__ = ["FashionMnist"]

import pathlib

from glf_tf.datasets import dataset, idx_folder, published, sources

DEBIAN_FOLDER = "/usr/share/datasets/fashion-mnist"
"""The folder of Debian's package dataset-fashion-mnist."""


class FashionMnist(published.AbstractPublished):
    """Fashion-MNIST: 60,000 and 10,000 grey pictures of 28x28 pixels, in 10 classes.

    Args:
        paths: Searched for IDX files in `data_dir/fashion_mnist` or `data_dir`,
            then in Debian's folder, then TFDS.
    """

    set_name = "fashion_mnist"
    below_data_dir = (
        "fashion_mnist",
        "fashion-mnist",
        "FashionMNIST",
        "FashionMNIST/raw",
        "fashion_mnist/raw",
    )
    other_folders = (DEBIAN_FOLDER,)
    advice = (
        "Run `apt-get install dataset-fashion-mnist`; or put the four files "
        "train-images-idx3-ubyte.gz ... of Fashion-MNIST in a folder and pass "
        "--data_dir=FOLDER; or pass --download on a connected machine"
    )

    def source(self, split: dataset.Split, *, folder: pathlib.Path) -> sources.Source:
        """Returns a folder that may hold the four IDX files; labels are in [0, 9]."""
        return idx_folder.source(self.set_name, split, folder=folder)
