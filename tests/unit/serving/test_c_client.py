# SPDX-License-Identifier: Apache-2.0
"""A program in C, compiled with TensorFlow's C API, draws what Python draws."""

import os
import pathlib
import shutil
import subprocess

import numpy as np
import pytest
import tensorflow as tf

from glf_tf import export
from tests import descriptors

SOURCE = pathlib.Path(__file__).parents[3] / "docs" / "serving_client.c"
COMPILER = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
TENSORFLOW = pathlib.Path(tf.__file__).parent

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(COMPILER is None, reason="there is no compiler of C"),
]


@pytest.fixture(scope="module")
def model():
    return descriptors.model("vae")


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("c") / "1"
    export.export(model, path)
    return path


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """The program, as docs/serving.md compiles it."""
    program = tmp_path_factory.mktemp("client") / "client"
    command = [COMPILER, str(SOURCE), "-Wall", "-Werror", f"-I{TENSORFLOW / 'include'}"]
    command += [f"-L{TENSORFLOW}", f"-Wl,-rpath,{TENSORFLOW}", "-o", str(program)]
    command += ["-l:libtensorflow_cc.so.2", "-l:libtensorflow_framework.so.2"]
    subprocess.run(command, check=True)
    return program


def run(client, *words, given=b""):
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [str(client), *map(str, words)]
    return subprocess.run(command, input=given, capture_output=True, env=quiet)


@pytest.mark.parametrize("count", [0, 1, 5])
def test_images_are_those_of_python(client, folder, model, count):
    noise = np.random.default_rng(count).normal(size=(count, model.noise_dim))
    noise = noise.astype(np.float32)
    found = run(client, folder, count, model.noise_dim, given=noise.tobytes())
    assert found.returncode == 0, found.stderr
    images = np.frombuffer(found.stdout, np.float32)
    expected = model.decode_noise(tf.constant(noise)).numpy()
    np.testing.assert_allclose(images.reshape(expected.shape), expected, atol=1e-6)


def test_mistakes_end_with_a_line(client, folder, tmp_path):
    assert run(client).returncode == 2
    found = run(client, tmp_path, 1, 4, given=bytes(16))
    assert found.returncode == 1
    assert b"SavedModel" in found.stderr
    found = run(client, folder, 2, 4, given=bytes(16))
    assert found.returncode == 1
    assert b"fewer than 8 numbers" in found.stderr
