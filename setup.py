# SPDX-License-Identifier: Apache-2.0
"""What pyproject.toml cannot say: `flags/`, `presets/` and so on in the wheel.

In a clone they lie at the top, where people look for them; installed, they are
`glf_tf/flags/` and so on, and `glf_tf/resources.py` finds them in both.
"""

import setuptools
from setuptools.command import build_py

_ONLY_IN_A_CLONE = {("glf_tf.tools", "bench"), ("glf_tf.tools", "tabulate")}
"""Tools that need what a wheel leaves out: tools/benchmarks, and documents."""


class BuildPackage(build_py.build_py):
    """Copies modules, but for the tools that are of use only in a clone."""

    def find_package_modules(self, package, package_dir):
        """Returns what is copied of a package, as (package, module, file)."""
        found = super().find_package_modules(package, package_dir)
        return [module for module in found if module[:2] not in _ONLY_IN_A_CLONE]


setuptools.setup(
    cmdclass={"build_py": BuildPackage},
    packages=[
        *setuptools.find_packages(include=["glf_tf*"]),
        "glf_tf.flags",
        "glf_tf.presets",
        "glf_tf.reproduce",
        "glf_tf.tools",
    ],
    package_dir={
        "glf_tf.flags": "flags",
        "glf_tf.presets": "presets",
        "glf_tf.reproduce": "reproduce",
        "glf_tf.tools": "tools",
    },
    package_data={
        "glf_tf": ["py.typed"],
        "glf_tf.serving": ["explorer/*"],
        "glf_tf.flags": ["*/*.cfg"],
        "glf_tf.presets": ["classifiers/*.npz", "*/*/*", "*/*/checkpoints/*/*"],
        "glf_tf.reproduce": ["*.toml"],
        "": ["*.json"],
    },
)
