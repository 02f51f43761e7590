# SPDX-License-Identifier: Apache-2.0
"""Calls a SavedModel from several threads, and tells whether memory and values stay.

    python tools/benchmarks/serving_load.py --workdir=runs/glf/digits

Each call has a batch of another size. It prints calls a second, the largest difference
to the same rows asked together in one thread, and the process' memory on the way.
"""

import concurrent.futures
import pathlib
import random
import tempfile
import time

import numpy as np
from absl import flags

from glf_tf import errors
from glf_tf.cli import loading, program, values

_CALLS = flags.DEFINE_integer("calls", 10_000, "Calls in all.", lower_bound=100)
_THREADS = flags.DEFINE_integer("threads", 4, "Threads.", lower_bound=1)

SIZES = (1, 2, 3, 5, 8, 17, 32, 64)
_PARTS = 10
_STATISTICS = pathlib.Path("/proc/self/statm")


def main() -> None:
    """Exports the model, calls it, and prints."""
    values.check_given("workdir")
    from glf_tf import export

    model = loading.load().model
    if not getattr(model, "noise_dim", 0):
        raise errors.Unsupported(
            "`decode_noise` is called",
            received=f"{type(model).__name__}, which has none",
            do="Pass the folder of a run of a model such as glf",
        )
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name) / "1"
        export.export(model, folder)
        load(folder, calls=_CALLS.value, threads=_THREADS.value)


def load(folder: pathlib.Path, *, calls: int, threads: int) -> float:
    """Calls `decode_noise` of a SavedModel, and prints what happens.

    Returns:
        largest: The largest difference of a value to that of one thread.
    """
    import tensorflow as tf

    served = tf.saved_model.load(str(folder))  # it owns the variables
    draw = served.signatures["decode_noise"]
    dim = draw.structured_input_signature[1]["noise"].shape[1]
    noise = np.random.default_rng(0).normal(size=(max(SIZES), dim)).astype(np.float32)

    def call(size):
        given = tf.constant(noise[:size])
        return draw(noise=given, temperature=tf.constant(1.0))["image"].numpy()

    expected = call(max(SIZES))

    def difference(size):
        return float(np.abs(call(size) - expected[:size]).max())

    sizes = random.Random(0).choices(SIZES, k=calls)
    start, largest = time.perf_counter(), 0.0
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        for part in range(_PARTS):
            chosen = sizes[part * calls // _PARTS : (part + 1) * calls // _PARTS]
            largest = max(largest, *pool.map(difference, chosen))
            print(f"{(part + 1) * calls // _PARTS:>7,} calls  {_megabytes()}")
    seconds = time.perf_counter() - start
    print(f"{threads} threads, {calls / seconds:.0f} calls a second")
    print(f"largest difference to one thread {largest:.1e}")
    return largest


def _megabytes() -> str:
    if not _STATISTICS.exists():
        return "memory is not told here"
    return f"{int(_STATISTICS.read_text().split()[1]) * 4096 / 1e6:.0f} MB"


if __name__ == "__main__":
    program.run(main, define=loading.define_loading)
