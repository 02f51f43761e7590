# SPDX-License-Identifier: Apache-2.0
"""One worker of several: prints the terms of each epoch of the models it is given.

TF_CONFIG=... python -m tests.worker glf_convolutional glann
"""

import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# It depends on the processor, rounds in another way, and fails on empty batches.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import tensorflow as tf

from glf_tf.devices import strategies
from tests import descriptors
from tests.conformance import test_models


def main() -> None:
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(2)
    strategy = strategies.strategy("multi_worker")
    assert strategy.num_replicas_in_sync == 2
    for name in sys.argv[1:]:
        found = test_models.train_losses(strategy, name)
        print(json.dumps({name: found}), flush=True)


if __name__ == "__main__":
    assert descriptors.MODELS
    main()
