# SPDX-License-Identifier: Apache-2.0
"""A package with parts, as somebody would install it: its files, and its metadata."""

import contextlib
import sys

import pytest

from glf_tf import catalogue
from glf_tf.catalogue import finding
from glf_tf.catalogue import plugin as plugin_lib

PARTS = '''
from typing import Literal

from glf_tf import types
from glf_tf.flows import real_nvp
from glf_tf.priors import flow


class MyFlow(real_nvp.RealNVP):
    """A flow.

    Args:
        extra: A number.
        scales: Numbers.
        is_slow: Whether it is slow.
    """

    def __init__(
        self,
        event_dim,
        *,
        extra: Literal[1, 2] = 1,
        scales: tuple[float, ...] = (1.0,),
        is_slow: bool = False,
        **kwargs,
    ):
        super().__init__(event_dim, **kwargs)
        self.extra, self.scales = extra, scales


class MyPrior(flow.FlowPrior):
    """A prior.

    Args:
        inner: Its flow.
    """

    def __init__(self, latent_dim, *, inner: types.Flow = "real_nvp", **kwargs):
        super().__init__(latent_dim, flow=inner, **kwargs)


number = 3
'''

ENTRY_POINTS = """
[glf_tf.flows]
my_flow = my_parts:MyFlow
broken = my_parts:Gone
with_extras = my_parts : MyFlow [fast, slow]
exits = exiting_parts:MyFlow
real_nvp = my_parts:MyFlow

[glf_tf.priors]
my_prior = my_parts:MyPrior
a_flow = my_parts:MyFlow
"""


@contextlib.contextmanager
def on_path(folder, *, entry_points=ENTRY_POINTS):
    """Installs the package in a folder, which is on `sys.path` meanwhile."""
    (folder / "my_parts.py").write_text(PARTS)
    (folder / "exiting_parts.py").write_text("import sys\nsys.exit(3)\n")
    (folder / "needy_parts.py").write_text("import not_installed\n")
    info = folder / "my_package-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: my-package\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(entry_points)
    (info / "top_level.txt").write_text("my_parts\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.setattr(finding, "_OPTIONS", {})
        _forget()
        try:
            yield
        finally:
            sys.modules.pop("my_parts", None)
    _forget()


def _forget():
    catalogue.plugins.cache_clear()
    plugin_lib.distribution_of.cache_clear()
