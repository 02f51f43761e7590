# SPDX-License-Identifier: Apache-2.0
"""Installs the example package, for the tests of this folder."""

import importlib
import pathlib
import shutil
import subprocess
import sys

import pytest

from glf_tf.catalogue import finding

PACKAGE = pathlib.Path(__file__).parent / "package"


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """The folder into which pip installed the example package."""
    source = tmp_path_factory.mktemp("source") / "package"
    shutil.copytree(PACKAGE, source)
    target = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index"]
    apart = ["--no-deps", "--no-build-isolation", f"--target={target}"]
    subprocess.run([*pip, *apart, str(source)], check=True)
    return target


@pytest.fixture(scope="module")
def plugin(installed):
    """Makes the package importable, and then not any more."""
    sys.path.append(str(installed))
    forget()
    yield installed
    sys.path.remove(str(installed))
    forget()


def forget():
    """Lets Python, and the catalogue, look anew at what is installed."""
    importlib.invalidate_caches()
    for name in [name for name in sys.modules if name.startswith("glf_plugin")]:
        del sys.modules[name]
    finding._OPTIONS.clear()
    for module in (finding, finding.plugin_lib):
        for value in vars(module).values():
            if hasattr(value, "cache_clear"):
                value.cache_clear()
