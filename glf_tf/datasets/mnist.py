# SPDX-License-Identifier: Apache-2.0
"""MNIST: 70,000 handwritten digits.

LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document
recognition", Proceedings of the IEEE 86(11), 1998. http://yann.lecun.com/exdb/mnist
"""

__all__ = ["Mnist"]

import pathlib

from glf_tf.datasets import dataset, idx_folder, published, sources


class Mnist(published.AbstractPublished):
    """MNIST: 60,000 and 10,000 grey digits of 28x28 pixels, in 10 classes.

    Args:
        paths: Searched for IDX files in `data_dir/mnist` or `data_dir`, then TFDS.
    """

    set_name = "mnist"
    below_data_dir = ("mnist", "MNIST", "MNIST/raw", "mnist/raw")
    advice = (
        "Put the four files train-images-idx3-ubyte.gz ... of MNIST in a folder and "
        "pass --data_dir=FOLDER, or pass --download on a connected machine"
    )

    def source(self, split: dataset.Split, *, folder: pathlib.Path) -> sources.Source:
        """Returns a folder that may hold the four IDX files; labels are in [0, 9]."""
        return idx_folder.source(self.set_name, split, folder=folder)
