# SPDX-License-Identifier: Apache-2.0
"""What holds for all tests: quiet, one thread, two logical processors, seeds fixed."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# It depends on the processor, rounds in another way, and fails on empty batches.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
# What XLA makes of a graph counts, and not how fast it is.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

import collections
import ctypes
import gc
import pathlib
import random
import sys
import zlib

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow.python.framework import ops

# Tiny tensors: more threads only wait for each other. Two logical processors let
# replicas be tested without a GPU.
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * 2,
)


# What was imported stays: collections leave it out.
gc.collect()
gc.freeze()
# Graphs are collected between tests, below.
gc.set_threshold(5_000, 20, 1_000_000)
_GROWTH = 200_000  # blocks of memory, that of two thousand operations of graphs
_PAGES = 50_000  # of 4 KB: models of large images are few blocks


@pytest.fixture(autouse=True)
def fixed_seed():
    """Fixes the initial weights.

    TensorFlow's own seed stays, as nothing draws from it: to set it would make
    TensorFlow forget all kernels, and what it made of the graphs that tests share.
    """
    random.seed(0)
    np.random.seed(0)


@pytest.fixture
def eager():
    """Runs without graphs: few small steps are done before a graph would be traced."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(autouse=True)
def graphs_end_with_their_test():
    """Frees the graphs that a test traced."""
    yield
    free_graphs()


def free_graphs():
    """Frees graphs that nobody needs: bijectors' caches keep what they saw for ever.

    A collection takes longer than most tests: only much that was left is worth one.
    """
    global _after_collection
    classes = [tfp.bijectors.Bijector]
    while classes:
        found = classes.pop()
        classes += found.__subclasses__()
        if "_cache" in found.__dict__:
            found.__dict__["_cache"].clear()
    for name in [n for n in _GRADIENTS if n.startswith(("Custom", "InternalGrad"))]:
        del _GRADIENTS[name]
    blocks, pages = (
        now - then for now, then in zip(_used(), _after_collection, strict=True)
    )
    if blocks > _GROWTH or pages > _PAGES:
        gc.collect()
        _give_memory_back(0)
        _after_collection = _used()


def _used() -> tuple[int, int]:
    """Returns Python's blocks of memory, and the process' pages where they are told."""
    statistics = pathlib.Path("/proc/self/statm")
    pages = statistics.read_text().split()[1] if statistics.exists() else 0
    return sys.getallocatedblocks(), int(pages)


_after_collection = _used()


# What graphs and XLA freed in small pieces stays with the process otherwise.
_give_memory_back = getattr(ctypes.CDLL(None), "malloc_trim", lambda _: None)


# TensorFlow keeps the gradients of custom functions, and of those it loads, likewise.
_GRADIENTS = ops.gradient_registry._registry


def pytest_collection_modifyitems(config, items):
    """Leaves out instances of costly laws, unless all or some of them are asked for."""
    if config.getoption("--all") or any("::" in word for word in config.args):
        return
    left_out = set()
    laws = collections.defaultdict(list)
    for item in items:
        laws[item.nodeid.split("[")[0]].append(item)
    for instances in laws.values():
        if mark := instances[0].get_closest_marker("one_in"):
            (count,) = mark.args
            # Laws begin at different ones, so as not to leave out the same models.
            first = zlib.crc32(instances[0].originalname.encode()) % count
            first = min(first, len(instances) - 1)
            left_out |= set(instances) - set(instances[first::count])
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=list(left_out))


def pytest_collection_finish(session):
    """Leaves the tests themselves out of collections, as what was imported for them."""
    del session
    gc.collect()
    gc.freeze()


def pytest_addoption(parser):
    """Adds the options of long tests."""
    parser.addoption(
        "--all",
        action="store_true",
        help="Try costly laws of all their instances, and not of one in some.",
    )
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
        "--recipes",
        type=int,
        default=6,
        help="How many of all recipes test_every_recipe.py trains, for an epoch each.",
    )
    parser.addoption(
        "--rows",
        type=int,
        default=2,
        help="How many rows of all tables it trains, in the same way.",
    )
    parser.addoption(
        "--tables",
        type=int,
        default=0,
        help="How many tables of digits test_quick_tables.py trains; 0 for none.",
    )
    parser.addoption(
        "--mutations",
        type=int,
        default=2000,
        help="How many changed files test_mutations.py reads.",
    )


def pytest_terminal_summary(terminalreporter):
    """Prints what tests have to tell, by `record_property("told", ...)`."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "told":
                terminalreporter.write_line(value)
