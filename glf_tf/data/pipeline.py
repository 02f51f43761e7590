# SPDX-License-Identifier: Apache-2.0
"""Turns a set of images into batches whose order is a pure function of seed and step.

Step `s` of a set that has `n` steps per epoch is batch `s % n` of epoch `s // n`, and
an epoch's order is a permutation that depends on (seed, epoch) alone. Resuming at a
step therefore needs no iterator state: `batches(..., start_step=k)` continues exactly
like an uninterrupted run.
"""

__all__ = [
    *("Beside", "Source", "batches"),
    *("evaluation_batches", "share", "steps_per_epoch"),
]

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from glf_tf import errors, types
from glf_tf.data import example_set, vector_set
from glf_tf.data import image_set as image_set_lib

_AHEAD = 4
"""Number of batches prefetched for each of a worker's replicas.

TensorFlow's default grows to gigabytes.
"""


@dataclasses.dataclass(frozen=True)
class Beside:
    """Examples with arrays beside them, by name, whose row i belongs to example i.

    Attributes:
        examples: The images or vectors.
        arrays: The arrays, with other names than a batch of the examples has.
    """

    examples: example_set.AbstractExampleSet
    arrays: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.examples)


Source = example_set.AbstractExampleSet | Mapping[str, np.ndarray] | Beside
"""A set of images or vectors, or arrays by name whose row i belongs to example i; or
both."""


def batches(
    source: Source,
    *,
    batch_size: int,
    seed: int,
    start_step: int = 0,
    shuffle: bool = True,
    context: tf.distribute.InputContext | None = None,
) -> tf.data.Dataset:
    """Returns endless batches for training.

    The images after an epoch's last full batch are dropped; they differ between epochs.

    Args:
        source: The images, or arrays that replace them in training.
        batch_size: Images per batch, over all replicas.
        seed: Determines the order.
        start_step: The number of batches already consumed.
        shuffle: Whether to permute each epoch; the set's own order otherwise.
        context: The worker whose share to read; None reads everything. A worker gets
            the shares of its replicas in turn, each a part of every batch.

    Returns:
        batches: Mappings of `image` float32 `[share, height, width, channels]` in [0,
            1], `index` int64 `[share]`, and `label` int64 `[share]` if the set has
            labels; of vectors `vector` float32 `[share, event_dim]` in the images'
            place; or of `index` and the arrays' rows. `share` is `batch_size` over the
            number of replicas. If the set has masks, `mask` float32 `[share, height,
            width, 1]` is 1 for visible pixels, and hidden ones are 0 in `image`.

    Raises:
        InvalidValue: `batch_size` is not in [1, size], or not a multiple of the number
            of replicas, or `start_step` is negative.
    """
    size = _size(source)
    context = context or tf.distribute.InputContext()
    part = share(batch_size, replicas=context.num_replicas_in_sync)
    steps = steps_per_epoch(size, batch_size=batch_size)
    if start_step < 0:
        raise errors.InvalidValue(
            "`start_step` is the number of batches consumed and cannot be negative",
            received=f"start_step={start_step}",
            do="Pass 0 to begin, or the step of the checkpoint",
        )

    def epoch_order(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.range(size, dtype=tf.int64)
        if shuffle:
            order = _shuffled(order, seed=seed, epoch=epoch)
        rows = tf.reshape(order[: steps * batch_size], [steps, batch_size])
        return tf.data.Dataset.from_tensor_slices(rows)

    order = tf.data.Dataset.counter(start_step // steps).flat_map(epoch_order)
    order = order.skip(start_step % steps)
    if context.num_replicas_in_sync > 1:
        order = order.flat_map(lambda rows: _shares(rows, part, context=context))
    order = order.apply(
        tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)
    )
    replicas = context.num_replicas_in_sync // context.num_input_pipelines
    return _with_rows(order, source, batch_size=part, ahead=_AHEAD * replicas)


def evaluation_batches(source: Source, *, batch_size: int) -> tf.data.Dataset:
    """Returns each image once, in the set's order; the last batch may be smaller.

    The elements are as in `batches`.

    Raises:
        InvalidValue: `batch_size` is less than 1.
    """
    size = _size(source)
    _check_batch_size(size, batch_size=min(batch_size, size))

    def indices(start: tf.Tensor) -> tf.Tensor:
        return tf.range(start, tf.minimum(start + batch_size, size))

    order = tf.data.Dataset.range(0, size, batch_size).map(indices)
    return _with_rows(order, source, batch_size=None, ahead=_AHEAD)


def steps_per_epoch(size: int, *, batch_size: int) -> int:
    """Returns the number of full batches in a set of `size` images.

    Raises:
        InvalidValue: `batch_size` is not in [1, size].
    """
    _check_batch_size(size, batch_size=batch_size)
    return size // batch_size


def _shuffled(order: tf.Tensor, *, seed: int, epoch: tf.Tensor) -> tf.Tensor:
    """Returns a permutation that depends on (seed, epoch) alone.

    `index_shuffle` would compute single entries of a permutation without drawing all of
    it, but for a set of this size it uses eight bits of each number of its seed: epoch
    256 repeats epoch 0, and an image has nearly the same position in consecutive
    epochs. A permutation of 60,000 takes 4 ms once per epoch.
    """
    return tf.random.experimental.stateless_shuffle(
        order, seed=tf.stack([tf.constant(seed, tf.int64), epoch]), alg="philox"
    )


def share(batch_size: int, *, replicas: int) -> int:
    """Returns the number of images per replica.

    Raises:
        InvalidValue: `batch_size` is not a multiple of the number of replicas.
    """
    if batch_size % replicas:
        raise errors.InvalidValue(
            "All replicas must get the same number of images",
            received=f"batch_size={batch_size} for {replicas} replicas",
            do=f"Use a multiple of {replicas}, or fewer devices",
        )
    return batch_size // replicas


def _shares(
    rows: tf.Tensor, part: int, *, context: tf.distribute.InputContext
) -> tf.data.Dataset:
    """Returns the indices `[share]` of each of a worker's replicas, from a batch's."""
    replicas = context.num_replicas_in_sync // context.num_input_pipelines
    first = context.input_pipeline_id * replicas
    shares = tf.reshape(rows, [-1, part])[first : first + replicas]
    return tf.data.Dataset.from_tensor_slices(shares)


def _check_batch_size(size: int, *, batch_size: int) -> None:
    if not 1 <= batch_size <= size:
        raise errors.InvalidValue(
            "`batch_size` must lie between 1 and the number of examples",
            received=f"batch_size={batch_size} for {size} examples",
            do=f"Pass batch_size={max(1, min(batch_size, size))} or another in range",
        )


def _size(source: Source) -> int:
    if isinstance(source, Mapping):
        return len(next(iter(source.values())))
    return len(source)


def _with_rows(
    order: tf.data.Dataset, source: Source, *, batch_size: int | None, ahead: int
) -> tf.data.Dataset:
    """Returns the batches for a data set of int64 indices `[batch]`."""
    made = _unfetched(order, source, batch_size=batch_size)
    return made.prefetch(ahead).with_options(_options())


def _unfetched(
    order: tf.data.Dataset, source: Source, *, batch_size: int | None
) -> tf.data.Dataset:
    if isinstance(source, Beside):
        made = _unfetched(order, source.examples, batch_size=batch_size)
        rows = _rows(source.arrays)
        return made.map(lambda batch: {**batch, **rows(batch["index"])})
    if isinstance(source, vector_set.VectorSet):
        labels = {} if source.labels is None else {"label": source.labels}
        source = {"vector": source.vectors, **labels}
    is_images = isinstance(source, image_set_lib.ImageSet)
    return (_with_images if is_images else _with_arrays)(
        order, source, batch_size=batch_size
    )


def _with_arrays(
    order: tf.data.Dataset, source: Mapping[str, np.ndarray], *, batch_size: int | None
) -> tf.data.Dataset:
    rows = _rows(source)

    def batch(index: tf.Tensor) -> types.Batch:
        index = tf.ensure_shape(index, [batch_size])
        return {**rows(index), "index": index}

    return order.map(batch)


def _rows(
    arrays: Mapping[str, np.ndarray],
) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
    """Returns a function from indices `[batch]` to the rows of all arrays."""
    with tf.device("CPU:0"):
        tensors = {name: tf.constant(array) for name, array in arrays.items()}
    return lambda index: {
        name: tf.gather(tensor, index) for name, tensor in tensors.items()
    }


def _with_images(
    order: tf.data.Dataset, image_set: image_set_lib.ImageSet, *, batch_size: int | None
) -> tf.data.Dataset:
    gather = (_gather_mapped if image_set.is_mapped else _gather)(image_set)
    # On the CPU even if there is a GPU: tf.data runs there.
    with tf.device("CPU:0"):
        labels = None if image_set.labels is None else tf.constant(image_set.labels)
    mask_shape = (*image_set.image_shape[:2], 1)

    def batch(index: tf.Tensor) -> types.Batch:
        index = tf.ensure_shape(index, [batch_size])
        pixels = tf.ensure_shape(gather(index), [batch_size, *image_set.image_shape])
        result = {"image": tf.cast(pixels, tf.float32) / 255.0, "index": index}
        if image_set.masks is not None:
            mask = tf.ensure_shape(image_set.masks(index), [batch_size, *mask_shape])
            # From here on, hidden pixels are not accessible.
            result |= {"image": mask * result["image"], "mask": mask}
        if labels is not None:
            result["label"] = tf.gather(labels, index)
        return result

    # A gather from memory is cheaper than passing it to another thread; reads from a
    # mapped file wait for the disk, and can do so in parallel.
    calls = tf.data.AUTOTUNE if image_set.is_mapped else None
    return order.map(batch, num_parallel_calls=calls)


def _gather(image_set: image_set_lib.ImageSet) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a gather in the graph from a captured uint8 tensor."""
    with tf.device("CPU:0"):
        tensor = tf.constant(image_set.images)
    return lambda index: tf.gather(tensor, index)


def _gather_mapped(
    image_set: image_set_lib.ImageSet,
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a gather from a mapped file, which reads in the order on the disk."""
    images = image_set.images

    def read(index: np.ndarray) -> np.ndarray:
        image_set.check()
        order = np.argsort(index)
        result = np.empty((len(index), *images.shape[1:]), np.uint8)
        result[order] = images[index[order]]
        return result

    return lambda index: tf.numpy_function(read, [index], tf.uint8, stateful=False)


def _options() -> tf.data.Options:
    """Returns options that leave the CPU's threads to the model."""
    options = tf.data.Options()
    options.deterministic = True
    options.threading.private_threadpool_size = 2
    options.threading.max_intra_op_parallelism = 1
    return options
