# SPDX-License-Identifier: Apache-2.0
"""Finds a part by its name, built-in or plug-in: its class and its options."""

__all__ = [
    "is_plugin",
    "known",
    "load",
    "name_of_class",
    "names",
    "options",
    "origin",
    "plugins_in_use",
]

import functools
import importlib
from collections.abc import Mapping

from absl import logging

from glf_tf import errors
from glf_tf.catalogue import index
from glf_tf.catalogue import plugin as plugin_lib
from glf_tf.catalogue.kinds import KINDS
from glf_tf.catalogue.option import Option


def names(kind: str) -> tuple[str, ...]:
    """Returns the sorted names of the built-in parts of a kind, such as "model"."""
    return tuple(sorted(index.entries(KINDS[kind])))


def known(kind: str) -> tuple[str, ...]:
    """Returns the sorted names of a kind, of built-in parts and installed plug-ins."""
    announced = {plugin.name for plugin in plugin_lib.plugins(kind)}
    return tuple(sorted({*names(kind), *announced}))


def is_plugin(kind: str, name: str) -> bool:
    """Returns whether a name is that of a plug-in.

    It is not imported: every `module:Class` counts, and is checked when it is loaded.
    """
    return name not in names(kind) and plugin_lib.find(kind, name) is not None


_OPTIONS: dict[tuple[str, str], Mapping[str, Option]] = {}
"""Options of the plug-ins used in this process, by kind and name."""


def options(kind: str, name: str) -> Mapping[str, Option]:
    """Returns the options of a part: its constructor's keywords that have defaults.

    Raises:
        InvalidValue: There is no such part, or it cannot be imported.
    """
    plugin = _found(kind, name)
    if plugin is None:
        return index.entries(KINDS[kind])[name].options
    if (kind, name) in _OPTIONS:
        return _OPTIONS[kind, name]
    cls = load(kind, name)
    from glf_tf.catalogue import inspecting  # loads TensorFlow

    found = inspecting.options_of(cls)
    # A cell of a notebook may be run again, with other options.
    if not name.startswith("__main__:"):
        _OPTIONS[kind, name] = found
    return found


def plugins_in_use(kind: str) -> tuple[str, ...]:
    """Returns the plug-ins of a kind whose options were used in this process."""
    return tuple(name for of_kind, name in _OPTIONS if of_kind == kind)


def load(kind: str, name: str) -> type:
    """Imports and returns the class of a name.

    Built-in parts take precedence over installed plug-ins of the same name.

    Raises:
        InvalidValue: There is no such part, or it cannot be imported.
    """
    plugin = _found(kind, name)
    if plugin is not None:
        return plugin_lib.load(plugin)
    _warn_of_namesakes(kind, name)
    module = importlib.import_module(f"glf_tf.{KINDS[kind].folder}.{name}")
    return getattr(module, index.entries(KINDS[kind])[name].class_name)


def name_of_class(kind: str, cls: type) -> str:
    """Returns the name by which another process finds a class of a part.

    The name of a built-in part, or that of an installed plug-in, or `module:Class`.

    Raises:
        InvalidValue: It has none, as it was defined within a function.
    """
    target = f"{cls.__module__}:{cls.__qualname__}"
    folder, _, name = cls.__module__.rpartition(".")
    is_ours = folder == f"glf_tf.{KINDS[kind].folder}" and name in names(kind)
    if is_ours and load(kind, name) is cls:
        return name
    for plugin in plugin_lib.plugins(kind):
        if plugin.target == target and plugin.name not in names(kind):
            return plugin.name
    if "<locals>" in target:
        raise errors.InvalidValue(
            "A part is saved by the name of its class, which must be importable",
            received=f"{cls.__name__}, a class that was defined in a function",
            do="Define it at the top level of a module",
        )
    return target


def origin(kind: str, name: str) -> dict[str, str] | None:
    """Returns where a plug-in comes from: `class`, `distribution`, `version`.

    The last two are empty without a distribution; built-in parts have no origin.

    Raises:
        InvalidValue: There is no such part.
    """
    plugin = _found(kind, name)
    if plugin is None:
        return None
    distribution, version = plugin.distribution, plugin.version
    if not distribution:
        distribution, version = plugin_lib.distribution_of(plugin.target)
    return {"class": plugin.target, "distribution": distribution, "version": version}


def _found(kind: str, name: str) -> plugin_lib.Plugin | None:
    """Returns the plug-in of a name; None for a built-in part.

    Raises:
        InvalidValue: There is no such plug-in, or several packages declare it.
    """
    if name in names(kind):
        return None
    plugin = plugin_lib.find(kind, name)
    if plugin is None:
        raise errors.InvalidValue(
            f"The {kind} must be built-in, of an installed package, or module:Class",
            received=repr(name),
            do=errors.suggestion(name, known(kind)),
        )
    return plugin


@functools.cache
def _warn_of_namesakes(kind: str, name: str) -> None:
    """Warns once of installed plug-ins that have the name of a built-in part."""
    for plugin in plugin_lib.plugins(kind):
        if plugin.name == name:
            logging.warning(
                "%s=%s is the built-in one; that of %s is %s=%s.",
                *(kind, name, plugin.source, kind, plugin.target),
            )
