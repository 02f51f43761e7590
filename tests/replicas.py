# SPDX-License-Identifier: Apache-2.0
"""Prints which images 1, 2 and 4 replicas see, as JSON: `python -m tests.replicas`.

The numbers of replicas are keys, and values the indices of the global batches in turn,
`[batches, batch_size]`, those of the replicas joined.
"""

import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# It depends on the processor, rounds in another way, and fails on empty batches.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import numpy as np
import tensorflow as tf

from glf_tf.data import image_set, pipeline

BATCH_SIZE, START, BATCHES = 8, 1, 7


def seen(replicas: int, data: image_set.ImageSet) -> list[list[int]]:
    """Returns the indices of global batches, over two ends of an epoch."""
    names = [device.name for device in tf.config.list_logical_devices("CPU")]
    strategy = tf.distribute.MirroredStrategy(names[:replicas])
    assert strategy.num_replicas_in_sync == replicas
    batches = strategy.distribute_datasets_from_function(
        lambda context: pipeline.batches(
            data, batch_size=BATCH_SIZE, seed=3, start_step=START, context=context
        )
    )
    found = []
    for _, batch in zip(range(BATCHES), batches, strict=False):
        shares = strategy.experimental_local_results(batch["index"])
        assert len(shares) == replicas
        pixels = strategy.experimental_local_results(batch["image"])
        for share, images in zip(shares, pixels, strict=True):
            expected = data.images[share.numpy()] / np.float32(255)
            np.testing.assert_array_equal(images, expected)
        found.append(np.concatenate(shares).tolist())
    return found


def main() -> None:
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0],
        [tf.config.LogicalDeviceConfiguration()] * 4,
    )
    images = np.random.default_rng(0).integers(0, 256, (30, 2, 2, 1), dtype=np.uint8)
    data = image_set.ImageSet(
        name="toys", split="train", images=images, labels=None, source="generator"
    )
    print(json.dumps({replicas: seen(replicas, data) for replicas in (1, 2, 4)}))


if __name__ == "__main__":
    main()
