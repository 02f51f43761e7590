# SPDX-License-Identifier: Apache-2.0
"""Loads TensorFlow without the lines that it prints about machines and not about runs.

No setting silences them all. What they are not is printed as it came, and everything is
where loading fails.
"""

__all__ = ["load_tensorflow"]

import os
import re
import sys
import tempfile

_NOISE = re.compile(
    "|".join(
        [
            "oneDNN custom operations are on",
            "cudart_stub",
            "Could not find cuda drivers",
            "cpu_feature_guard",
            "To enable the following instructions",
            "rebuild TensorFlow",
            r"All log messages before absl::InitializeLog\(\)",
            "Unable to register cu",
            "computation_placer",
            "failed call to cuInit",
        ]
    )
)


def load_tensorflow() -> None:
    """Imports TensorFlow, once, and finds devices; holds standard error meanwhile."""
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        noise = _NOISE
        try:
            import tensorflow as tf

            tf.config.list_physical_devices()
        except Exception:
            noise = None
            raise
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)
            held.seek(0)
            _replay(held.read().decode(errors="replace"), noise=noise)


def _replay(text: str, *, noise: re.Pattern | None) -> None:
    for line in text.splitlines():
        if line.strip() and (noise is None or not noise.search(line)):
            print(line, file=sys.stderr)
