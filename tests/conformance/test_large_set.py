# SPDX-License-Identifier: Apache-2.0
"""A set that is larger than memory is trained on in a memory that stays flat.

pytest tests/conformance/test_large_set.py --pictures=200000

Minutes, and gigabytes of the temporary folder: only where it is asked for.
"""

import io
import pathlib
import subprocess
import sys
import time

import pytest

from tests import samples

ROOT = pathlib.Path(__file__).parents[2]
FEW = 300
SLACK_MIB = 300
"""More than TensorFlow's own memory differs from run to run, less than a set."""


def write(folder, *, pictures):
    """Writes CelebA as TFDS prepares it: so many pictures, fifty of them different."""
    kinds = [samples.jpeg((178, 218), seed=seed) for seed in range(50)]

    def examples(count):
        return ({"image": io.BytesIO(kinds[k % len(kinds)])} for k in range(count))

    samples.write_tfds(
        "celeb_a",
        folder,
        shards=8,
        examples={"train": examples(pictures), "test": examples(20)},
    )


def train(folder, *, pictures):
    """The most memory of its own that a training has, in MiB."""
    write(folder / "data", pictures=pictures)
    message = folder / "told"  # a pipe that nobody reads would fill
    process = subprocess.Popen(
        [
            sys.executable,
            ROOT / "tools" / "train.py",
            f"--flagfile={ROOT}/flags/glf/celeb_a.cfg",
            *("--network.filters=4", "--network.hidden=16", "--flow.hidden=8"),
            *("--procedure=joint", "--epochs=1", "--decay_every=0", "--batch_size=100"),
            *("--draw_every=0", "--validate_every=0"),
            f"--data_dir={folder}/data",
            f"--cache_dir={folder}/cache",
            f"--workdir={folder}/run",
        ],
        stdout=subprocess.DEVNULL,
        stderr=message.open("w"),
    )
    most, status = 0, pathlib.Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        # Pages of a mapped file are the system's: it takes them back when it wants.
        lines = [item for item in status.read_text().splitlines() if "RssAnon" in item]
        most = max([most, *(int(item.split()[1]) for item in lines)])
        time.sleep(0.1)
    assert process.returncode == 0, message.read_text()
    return most / 1024


@pytest.mark.slow
@pytest.mark.skipif(not pathlib.Path("/proc").exists(), reason="no /proc to look at")
def test_memory_does_not_grow_with_the_set(tmp_path, request):
    pictures = request.config.getoption("--pictures")
    if not pictures:
        pytest.skip("asked for with --pictures=200000")
    few = train(tmp_path / "few", pictures=FEW)
    many = train(tmp_path / "many", pictures=pictures)
    print(f"{few:.0f} MiB for {FEW} pictures, {many:.0f} MiB for {pictures:,}")
    assert many < few + SLACK_MIB
