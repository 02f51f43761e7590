# SPDX-License-Identifier: Apache-2.0
import itertools

import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors
from glf_tf.data import image_set, pipeline

SIZE, BATCH = 23, 5
STEPS = SIZE // BATCH


def make(*, labelled: bool = True, size: int = SIZE) -> image_set.ImageSet:
    """Images whose pixels say which they are."""
    images = np.arange(size, dtype=np.uint8)[:, None, None, None]
    images = (
        np.broadcast_to(images, (size, 2, 3, 1)) + np.arange(3, dtype=np.uint8)[:, None]
    )
    labels = np.arange(size, dtype=np.int64) * 10 if labelled else None
    return image_set.ImageSet("some", "train", images, labels, source="a test")


@pytest.fixture
def mapped(tmp_path) -> image_set.ImageSet:
    whole = make()
    np.save(tmp_path / "images.npy", whole.images)
    images = np.load(tmp_path / "images.npy", mmap_mode="r")
    found = image_set.ImageSet("some", "train", images, whole.labels, source="a test")
    assert found.is_mapped
    return found


def take(data: tf.data.Dataset, count: int) -> list[dict[str, np.ndarray]]:
    return list(data.take(count).as_numpy_iterator())


def order(
    found=None, *, count: int = 2 * STEPS, seed: int = 0, **options
) -> np.ndarray:
    """[count, BATCH] indices."""
    found = found or make()
    data = pipeline.batches(found, batch_size=BATCH, seed=seed, **options)
    return np.stack([batch["index"] for batch in take(data, count)])


def assert_same(first, second):
    assert len(first) == len(second)
    for item, other in zip(first, second, strict=True):
        assert item.keys() == other.keys()
        for key in item:
            np.testing.assert_array_equal(item[key], other[key])


def test_arrays_beside_images_are_those_of_the_same_images(mapped):
    rows = {"z": np.arange(SIZE, dtype=np.float32)[:, None] * 2.0}
    for images in (make(), mapped, make(labelled=False)):
        both = pipeline.Beside(images, rows)
        assert len(both) == SIZE
        for start in (0, 3):
            how = {"batch_size": BATCH, "seed": 5, "start_step": start}
            alone = take(pipeline.batches(images, **how), STEPS)
            found = take(pipeline.batches(both, **how), STEPS)
            expected = [{**item, "z": rows["z"][item["index"]]} for item in alone]
            assert_same(found, expected)
        last = take(pipeline.evaluation_batches(both, batch_size=BATCH), 9)[-1]
        np.testing.assert_array_equal(last["z"], rows["z"][-3:])


def test_batch_is_scaled_images_with_their_index_and_label():
    found = make()
    for batch in take(pipeline.batches(found, batch_size=BATCH, seed=0), 3):
        index = batch["index"]
        assert batch["image"].dtype == np.float32
        np.testing.assert_array_equal(
            batch["image"], found.images[index].astype(np.float32) / np.float32(255)
        )
        np.testing.assert_array_equal(batch["label"], index * 10)


def test_shapes_are_static():
    found = make()
    spec = pipeline.batches(found, batch_size=BATCH, seed=0).element_spec
    assert spec == {
        "image": tf.TensorSpec((BATCH, *found.image_shape), tf.float32),
        "index": tf.TensorSpec((BATCH,), tf.int64),
        "label": tf.TensorSpec((BATCH,), tf.int64),
    }


def test_unlabelled_set_has_no_labels():
    spec = pipeline.batches(make(labelled=False), batch_size=2, seed=0).element_spec
    assert set(spec) == {"image", "index"}


@pytest.mark.parametrize("epoch", [0, 1, 1000])
def test_epoch_has_distinct_images(epoch):
    indices = order(start_step=epoch * STEPS, count=STEPS).ravel()
    assert len(set(indices)) == STEPS * BATCH
    assert set(indices) <= set(range(SIZE))


def test_whole_epoch_is_a_permutation():
    indices = order(make(size=20), count=4).ravel()
    assert sorted(indices) == list(range(20))
    assert list(indices) != list(range(20))


def test_order_is_the_same_every_time():
    np.testing.assert_array_equal(order(), order())


@pytest.mark.parametrize("epoch", [1, 2**8, 2**16])
def test_order_depends_on_the_epoch(epoch):
    """Also where only high bits differ, which some shuffles ignore."""
    later = order(count=STEPS, start_step=epoch * STEPS)
    assert (later != order(count=STEPS)).any()


def test_places_in_consecutive_epochs_are_unrelated():
    """A shuffle of few rounds keeps an image near its place from epoch to epoch."""
    size = 60_000
    found = image_set.ImageSet(
        "some", "train", np.zeros((size, 1, 1, 1), np.uint8), None, source="a test"
    )
    data = pipeline.batches(found, batch_size=size, seed=0)
    first, second = (np.argsort(batch["index"]) for batch in take(data, 2))
    # Twelve standard deviations of the correlation of two random orders.
    assert abs(np.corrcoef(first, second)[0, 1]) < 12 / size**0.5
    assert abs(np.corrcoef(first[1:], first[:-1])[0, 1]) < 12 / size**0.5


@pytest.mark.parametrize("seed", [1, -1, 2**8, 2**16, 2**31, 2**40])
def test_order_depends_on_the_seed(seed):
    assert (order(seed=0) != order(seed=seed)).any()


def test_seed_and_epoch_are_not_mixed_up():
    """Epoch 1 of seed 0 is not epoch 0 of seed 1."""
    later = order(start_step=STEPS, count=STEPS)
    assert (later != order(seed=1, count=STEPS)).any()


def test_order_does_not_change():
    """A run that is resumed under a later version must go on with the same order."""
    assert order(count=1)[0].tolist() == [6, 14, 13, 21, 9]


@pytest.mark.parametrize("start_step", [1, STEPS - 1, STEPS, STEPS + 1, 2 * STEPS])
def test_resumed_order_is_that_of_an_uninterrupted_run(start_step):
    found = make()
    whole = take(pipeline.batches(found, batch_size=BATCH, seed=3), 3 * STEPS)
    rest = pipeline.batches(found, batch_size=BATCH, seed=3, start_step=start_step)
    assert_same(take(rest, 3 * STEPS - start_step), whole[start_step:])


def test_order_without_shuffle_is_that_of_the_set():
    indices = order(shuffle=False)
    expected = np.arange(STEPS * BATCH).reshape(STEPS, BATCH)
    np.testing.assert_array_equal(indices, np.concatenate([expected, expected]))


def test_batches_never_end():
    data = pipeline.batches(make(), batch_size=BATCH, seed=0)
    assert data.cardinality() == tf.data.INFINITE_CARDINALITY


def test_mapped_set_gives_the_same_batches(mapped):
    ours, theirs = (
        take(pipeline.batches(found, batch_size=BATCH, seed=4), 20)
        for found in (mapped, make())
    )
    assert_same(ours, theirs)
    spec = pipeline.batches(mapped, batch_size=BATCH, seed=4).element_spec
    assert spec["image"].shape == (BATCH, 2, 3, 1)


def test_mapped_set_is_evaluated_alike(mapped):
    ours, theirs = (
        take(pipeline.evaluation_batches(found, batch_size=BATCH), 20)
        for found in (mapped, make())
    )
    assert_same(ours, theirs)


@pytest.mark.parametrize(("batch_size", "sizes"), [(5, [5, 5, 5, 5, 3]), (99, [23])])
def test_evaluation_sees_each_image_once_in_order(batch_size, sizes):
    batches = list(pipeline.evaluation_batches(make(), batch_size=batch_size))
    assert [len(batch["index"]) for batch in batches] == sizes
    indices = itertools.chain(*(batch["index"].numpy() for batch in batches))
    assert list(indices) == list(range(SIZE))


def test_evaluation_has_a_known_length():
    data = pipeline.evaluation_batches(make(), batch_size=BATCH)
    assert data.cardinality() == STEPS + 1
    assert data.element_spec["image"].shape.as_list() == [None, 2, 3, 1]


def test_distributed_batches_are_the_same():
    """A strategy may rewrite the pipeline; the order must survive it."""
    data = pipeline.batches(make(), batch_size=BATCH, seed=0)
    strategy = tf.distribute.OneDeviceStrategy("CPU:0")
    iterator = iter(strategy.experimental_distribute_dataset(data))
    indices = np.stack([next(iterator)["index"].numpy() for _ in range(2 * STEPS)])
    np.testing.assert_array_equal(indices, order())


@pytest.mark.parametrize(("size", "steps"), [(5, 1), (9, 1), (10, 2)])
def test_steps_per_epoch_counts_whole_batches(size, steps):
    assert pipeline.steps_per_epoch(size, batch_size=5) == steps


@pytest.mark.parametrize("batch_size", [0, -1, SIZE + 1])
def test_batch_size_out_of_range_is_refused(batch_size):
    with pytest.raises(errors.InvalidValue, match=f"batch_size={batch_size} for 23"):
        pipeline.batches(make(), batch_size=batch_size, seed=0)


def test_batch_size_of_evaluation_is_checked():
    with pytest.raises(errors.InvalidValue, match="between 1 and"):
        pipeline.evaluation_batches(make(), batch_size=0)


def test_negative_start_step_is_refused():
    with pytest.raises(errors.InvalidValue, match="start_step=-1"):
        pipeline.batches(make(), batch_size=BATCH, seed=0, start_step=-1)
