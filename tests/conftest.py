# SPDX-License-Identifier: Apache-2.0
"""What holds for all tests: quiet, one thread, two logical processors, seeds fixed."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import pytest
import tensorflow as tf

# Tiny tensors: more threads only wait for each other. Two logical processors let
# replicas be tested without a GPU.
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * 2,
)


@pytest.fixture(autouse=True)
def fixed_seed():
    """Fixes the initial weights."""
    keras.utils.set_random_seed(0)


def pytest_addoption(parser):
    """Adds the options of long tests."""
    parser.addoption(
        "--kills",
        type=int,
        default=3,
        help="How many kills test_kills.py deals out over its models.",
    )
    parser.addoption(
        "--pictures",
        type=int,
        default=0,
        help="Of how many pictures test_large_set.py makes its set; 0 for no such set.",
    )
    parser.addoption(
        "--mutations",
        type=int,
        default=2000,
        help="How many changed files test_mutations.py reads.",
    )
