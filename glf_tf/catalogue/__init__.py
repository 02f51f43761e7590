# SPDX-License-Identifier: Apache-2.0
"""Finds parts by name, and reads their options.

A part is named in one of three ways:

* `real_nvp`: built in. Each file of a part folder (`kinds.py`) with one concrete public
  subclass of the kind's base class is a part of the file's name.
* `my_flow`: a plug-in, which an installed package declares as an entry point
  (`plugin.py`).
* `my_package.my_module:MyFlow`: a class, by module and name (`plugin.py`).

The keywords of its constructor are its options, read by `inspect` (`inspecting.py`).
Those of the built-in parts are stored in `index.json`, so that `--help` need not load
TensorFlow (`index.py`). After a change of a part:

    python -m glf_tf.catalogue

updates the index. Until then everything is inspected, which is slower but never stale.
"""

__all__ = [
    "KINDS",
    "Option",
    "Plugin",
    "build",
    "completed",
    "described",
    "former",
    "is_plugin",
    "known",
    "load",
    "name_of",
    "name_of_class",
    "names",
    "options",
    "origin",
    "origins",
    "plugins",
    "plugins_in_use",
]

from glf_tf.catalogue.docstrings import described
from glf_tf.catalogue.finding import (
    is_plugin,
    known,
    load,
    name_of_class,
    names,
    options,
    origin,
    plugins_in_use,
)
from glf_tf.catalogue.kinds import KINDS
from glf_tf.catalogue.option import Option
from glf_tf.catalogue.plugin import Plugin, plugins
from glf_tf.catalogue.specifications import (
    build,
    completed,
    former,
    name_of,
    origins,
)
