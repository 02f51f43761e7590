# SPDX-License-Identifier: Apache-2.0
"""Finds what a name stands for, and reads which options it has.

A part is named in one of three ways:

* `real_nvp`: built in. Each file of a part folder (`kinds.py`) that holds one concrete
  public subclass of the kind's base class is a part of the file's name.
* `my_flow`: a plug-in, which an installed package announces as an entry point
  (`plugin.py`).
* `my_package.my_module:MyFlow`: a class, by module and name (`plugin.py`).

The keywords of its constructor are its options, as `inspect` sees them
(`inspecting.py`); what was seen of the built-in parts is kept in `index.json`, so that
`--help` answers before TensorFlow is loaded (`index.py`). After a change of a part:

    python -m glf_tf.catalogue

writes the index anew. Until then all is inspected, which is slower and never stale.
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
