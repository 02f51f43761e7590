# SPDX-License-Identifier: Apache-2.0
"""Compares the formats of an exported model: sizes, times, and values beside Python's.

    pip install "glf_tf[onnx]" ai-edge-litert onnxruntime tensorflow-serving-api
    python tools/benchmarks/serving.py --workdir=runs/glf/digits

prints the table of docs/serving.md. The model is exported into a temporary folder, and
each format is run in a process of its own, one after the other. Runtimes that are not
installed are left out, and told. The client in C is timed as a whole process.
"""

import datetime
import importlib.util
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping

import numpy as np
from absl import flags

from glf_tf import errors, resources
from glf_tf.cli import loading, program, values

_ROWS = flags.DEFINE_integer("rows", 64, "Rows of the larger batch.", lower_bound=2)

_WORKER = pathlib.Path(__file__).with_name("serving_worker.py")
_SIGNATURES = ("decode_noise", "encode", "reconstruct", "log_prob")
_TITLES = {
    "saved_model": ("SavedModel", "tensorflow"),
    "litert": ("LiteRT", "ai_edge_litert"),
    "onnx": ("ONNX", "onnxruntime"),
    "tf_serving": ("TF Serving's messages", "tensorflow_serving"),
}
_FILES = {
    "saved_model": ("saved_model.pb", "variables/*"),
    "litert": ("model.tflite",),
    "onnx": ("onnx/*",),
    "tf_serving": ("saved_model.pb", "variables/*", "assets.extra/*"),
    "c": ("saved_model.pb", "variables/*"),
}
_RUNS = 5
"""Processes of the client in C, of which the median counts."""


def main() -> None:
    """Exports, measures and prints."""
    values.check_given("workdir")
    from glf_tf import export
    from glf_tf.serving import formats as export_formats

    model = loading.load().model
    formats = [name for name in _TITLES if _is_there(name)]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name) / "1"
        written = [name for name in formats if name in export_formats.FORMATS]
        export.export(model, folder, formats=["saved_model", *written])
        asked, expected = _computed(model)
        rows = [_measured(kind, folder, asked, expected) for kind in formats]
        rows += _measured_in_c(folder, asked["decode_noise"], expected)
    print(_heading(model), *_table(rows), sep="\n")


def _is_there(name: str) -> bool:
    needed = {"onnx": ("onnxruntime", "tf2onnx", "onnx")}
    absent = [
        module
        for module in needed.get(name, (_TITLES[name][1],))
        if importlib.util.find_spec(module) is None
    ]
    for module in absent:
        print(f"{name} is left out: there is no module {module}", file=sys.stderr)
    return not absent


def _computed(model) -> tuple[dict, dict]:
    """Returns inputs of each signature, and what the model in Python makes of them."""
    import tensorflow as tf

    if not (getattr(model, "noise_dim", 0) and hasattr(model, "encode")):
        raise errors.Unsupported(
            "The formats of a model with an encoder and decode_noise are compared",
            received=type(model).__name__,
            do="Pass the folder of a run of one that has them, such as glf",
        )
    generator = np.random.default_rng(0)
    noise = generator.normal(size=(_ROWS.value, model.noise_dim)).astype(np.float32)
    image = model.decode_noise(tf.constant(noise)).numpy()
    z = model.encode(image)
    expected = {
        "decode_noise/image": image,
        "encode/z": z.numpy(),
        "reconstruct/image": model.decode(z).numpy(),
        "log_prob/log_prob": model.log_prob(z).numpy(),
    }
    asked = {name: {"image": image} for name in _SIGNATURES[1:]}
    asked["decode_noise"] = {"noise": noise, "temperature": np.float32(1.0)}
    return asked, expected


def _measured(kind: str, folder: pathlib.Path, asked: Mapping, expected: Mapping):
    """Returns the row of a format."""
    given, answers = (folder.with_name(f"{kind}_{side}.npz") for side in ("in", "out"))
    flat = {f"{n}/{key}": value for n in asked for key, value in asked[n].items()}
    np.savez(given, **flat)
    command = [sys.executable, _WORKER, kind, folder, given, answers]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    told = json.loads(done.stdout.splitlines()[-1])
    found = dict(np.load(answers).items())
    title, runtime = _TITLES[kind]
    return (
        f"{title}, {runtime} {told['version']}",
        _megabytes(folder, kind),
        f"{told['import']:.2f}",
        f"{told['load']:.3f}",
        f"{1000 * told['one']:.2f}",
        f"{1000 * told['all']:.1f}",
        *_differences(found, expected),
    )


def _differences(found: Mapping, expected: Mapping) -> tuple[str, str, str]:
    """Returns the largest of images, of latents, and of log-densities."""

    def largest(*names):
        both = [(found[name], expected[name]) for name in names if name in found]
        return max((float(np.abs(a - b).max()) for a, b in both), default=None)

    groups = (("decode_noise/image", "reconstruct/image"), ("encode/z",))
    shown = (largest(*group) for group in (*groups, ("log_prob/log_prob",)))
    return tuple("" if each is None else f"{each:.1e}" for each in shown)


def _measured_in_c(folder: pathlib.Path, asked: Mapping, expected: Mapping) -> list:
    """Returns the row of docs/serving_client.c; none where there is no compiler."""
    compiler = shutil.which("cc")
    source = resources.TOOLS.parent / "docs" / "serving_client.c"
    if compiler is None:
        print("c is left out: there is no compiler cc", file=sys.stderr)
        return []
    client = _compiled(compiler, source, folder.with_name("client"))
    noise, seconds = asked["noise"], {}
    for count in (1, len(noise)):
        command = [client, folder, str(count), str(noise.shape[1])]
        quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        how = {"input": noise[:count].tobytes(), "env": quiet, "check": True}
        spent = []
        for _ in range(_RUNS):
            start = time.perf_counter()
            done = subprocess.run(command, capture_output=True, **how)
            spent.append(time.perf_counter() - start)
        seconds[count] = statistics.median(spent)
    image = expected["decode_noise/image"]
    made = {"decode_noise/image": np.frombuffer(done.stdout, np.float32)}
    made["decode_noise/image"] = made["decode_noise/image"].reshape(image.shape)
    size, load = _megabytes(folder, "c"), f"{seconds[1]:.3f}, the process"
    return [
        (
            "C, the same SavedModel",
            size,
            "",
            load,
            "",
            "",
            *_differences(made, expected),
        )
    ]


def _compiled(compiler: str, source: pathlib.Path, client: pathlib.Path):
    import tensorflow as tf

    at = tf.sysconfig.get_lib()
    command = [compiler, source, f"-I{at}/include", f"-L{at}", f"-Wl,-rpath,{at}"]
    command += ["-o", client, "-l:libtensorflow_cc.so.2"]
    subprocess.run([*command, "-l:libtensorflow_framework.so.2"], check=True)
    return client


def _megabytes(folder: pathlib.Path, kind: str) -> str:
    found = (path for pattern in _FILES[kind] for path in folder.glob(pattern))
    return f"{sum(path.stat().st_size for path in found) / 1e6:.1f}"


def _heading(model) -> str:
    cores = len(os.sched_getaffinity(0))
    shape = " x ".join(map(str, model.image_shape))
    where = f"{platform.machine()}, {cores} core{'s' * (cores > 1)}"
    today = datetime.date.today().isoformat()
    return f"{type(model).__name__} of images of {shape}, {today}, {where}\n"


def _table(rows: list[tuple]) -> Iterator[str]:
    head = ("format", "on disk, MB", "import, s", "load, s", "1 picture, ms")
    head += (f"{_ROWS.value}, ms", "images", "latents", "log p, nats")
    for line in (head, ("---",) * len(head), *rows):
        yield f"| {' | '.join(line)} |"


if __name__ == "__main__":
    program.run(main, define=loading.define_loading)
