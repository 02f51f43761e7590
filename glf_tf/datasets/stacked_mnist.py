# SPDX-License-Identifier: Apache-2.0
"""Stacked MNIST: colour images of three digits, 1,000 modes, for counting lost ones.

Metz, Poole, Pfau, Sohl-Dickstein: Unrolled Generative Adversarial Networks, 2017,
section 3.3.1. https://arxiv.org/abs/1611.02163
Lin, Khetan, Fanti, Oh: PacGAN: The power of two samples in generative adversarial
networks, 2018, whose code draws 128,000 images once. https://arxiv.org/abs/1712.04086
"""

__all__ = ["StackedMnist"]

import numpy as np

from glf_tf import errors, seeds, types
from glf_tf.data import image_set
from glf_tf.data import paths as paths_lib
from glf_tf.datasets import dataset as dataset_lib
from glf_tf.datasets import wrapped

_CHANNELS = 3
_DIGITS = 10


class StackedMnist(wrapped.AbstractWrapped):
    """Images whose three channels are digits: label 100 a + 10 b + c.

    Deviation: digits are drawn such that each of the 1,000 labels has as many images as
    any other, or one more; the papers draw them alike, and have as many more of the
    digits that MNIST has more of.

    Args:
        paths: Folders to search for the digits.
        dataset: The digits: grey images with labels from 0 to 9.
        count: Number of training images, of which each channel is a training image of
            the digits.
        test_count: Number of test images, and of those for validation if the digits
            have some.
        seed: Seed of the drawing.
    """

    def __init__(
        self,
        paths: paths_lib.DataPaths,
        *,
        dataset: types.Dataset = "mnist",
        count: int = 128_000,
        test_count: int = 26_000,
        seed: int = 0,
    ):
        super().__init__(paths, dataset=dataset)
        if min(count, test_count) < 1:
            raise errors.InvalidValue(
                "A split must have an image",
                received=f"count={count}, test_count={test_count}",
                do="Use larger numbers, such as 128000 and 26000",
            )
        seeds.check_not_negative(seed=seed)
        self.count, self.test_count, self._seed = count, test_count, seed

    def load(self, split: dataset_lib.Split) -> image_set.ImageSet:
        """Returns one split: uint8 `[size, height, width, 3]`, labels in [0, 999].

        Its `channel_set` has the digits.

        Raises:
            Unsupported: The digits are in colour, or have hidden pixels or no labels.
            InvalidValue: A label is none from 0 to 9.
        """
        digits = self._images(split)
        _check(digits)
        number = dataset_lib.ALL_SPLITS.index(split)
        # NumPy guarantees that RandomState's stream never changes.
        random = np.random.RandomState(np.random.MT19937([self._seed, number]))
        count = self.count if split == "train" else self.test_count
        chosen = _draw(digits.labels, count=count, random=random)
        return image_set.ImageSet(
            name=f"stacked {digits.name}",
            split=split,
            images=np.concatenate([digits.images[row] for row in chosen], axis=-1),
            labels=np.ravel_multi_index(digits.labels[chosen], (_DIGITS,) * _CHANNELS),
            source=digits.source,
            channel_set=digits,
        )


def _draw(
    labels: np.ndarray, *, count: int, random: np.random.RandomState
) -> np.ndarray:
    """Returns indices of images, `[channels, count]`, with labels in equal shares."""
    classes, sizes = np.unique(labels, return_counts=True)
    shape = (len(classes),) * _CHANNELS
    # Two permutations: of what there is once more, and of the order.
    modes = np.resize(random.permutation(np.prod(shape)), count)
    drawn = np.stack(np.unravel_index(random.permutation(modes), shape))
    by_class = np.argsort(labels, kind="stable")
    first = np.cumsum(sizes) - sizes
    nth = np.int64(random.random_sample(drawn.shape) * sizes[drawn])
    return by_class[first[drawn] + nth]


def _check(digits: image_set.ImageSet) -> None:
    """Checks that images can be stacked.

    Raises:
        Unsupported: They are in colour, or have hidden pixels or no labels.
        InvalidValue: A label is none from 0 to 9.
    """
    if digits.labels is None or digits.image_shape[-1] != 1:
        raise errors.Unsupported(
            "Images that are stacked are grey and have labels",
            received=f"{digits.name}, images {digits.image_shape}"
            f"{' without labels' * (digits.labels is None)}",
            do="Use another --dataset.dataset, such as mnist",
        )
    if digits.masks is not None:
        raise errors.Unsupported(
            "Digits are stacked before pixels are hidden",
            received=f"--dataset.dataset for {digits.name}",
            do="Use --dataset=occluded --dataset.dataset=stacked_mnist",
        )
    unknown = np.setdiff1d(digits.labels, np.arange(_DIGITS))
    if len(unknown):
        raise errors.InvalidValue(
            "Labels of images that are stacked are digits, from 0 to 9",
            received=f"labels {unknown[:12].tolist()} of {digits.name}",
            do="Use another --dataset.dataset, such as mnist",
        )
