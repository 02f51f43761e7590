# SPDX-License-Identifier: Apache-2.0
"""Finds plug-ins: entry points, and classes by `module:Class`.

A package declares its parts in its metadata, with one group per kind (`kinds.py`):

    [project.entry-points."glf_tf.flows"]
    my_flow = "my_package.flows:MyFlow"

Naming a class imports its module, which runs its code. Modules are found on `sys.path`,
to which the current folder is appended, so that no file there shadows an installed
package. The folder of a run, which may come from a stranger, is never appended.
"""

__all__ = ["Plugin", "distribution_of", "find", "load", "plugins"]

import dataclasses
import functools
import importlib
import inspect
import pathlib
import re
import sys
from typing import Any

from glf_tf import errors, quiet
from glf_tf.catalogue.kinds import KINDS, Kind

_TARGET = re.compile(r"([^\W\d]\w*(?:\.[^\W\d]\w*)*):([^\W\d]\w*(?:\.[^\W\d]\w*)*)")
_RUN = "run.json"
"""The file that marks the folder of a run."""


@dataclasses.dataclass(frozen=True)
class Plugin:
    """A part of another package.

    Attributes:
        kind: The kind of part.
        name: The name by which it is used.
        target: Its class, `module:Class`.
        distribution: Its installed distribution; "" for none.
        version: The distribution's version; "" for none.
    """

    kind: str
    name: str
    target: str
    distribution: str = ""
    version: str = ""

    @property
    def source(self) -> str:
        """The distribution and version, or the class without one."""
        return f"{self.distribution} {self.version}".strip() or self.target


@functools.cache
def plugins(kind: str) -> tuple[Plugin, ...]:
    """Returns the plug-ins of a kind of all installed packages, sorted by name."""
    # Imported here, as it takes a tenth of a second.
    from importlib import metadata

    found = {
        Plugin(
            kind,
            name=point.name,
            target=_without_extras(point.value),
            distribution=point.dist.name if point.dist else "",
            version=point.dist.version if point.dist else "",
        )
        for point in metadata.entry_points(group=KINDS[kind].group)
    }
    return tuple(sorted(found, key=lambda plugin: (plugin.name, plugin.source)))


def _without_extras(value: str) -> str:
    """Returns the `module:Class` of an entry point such as `module : Class [extra]`."""
    return "".join(value.partition("[")[0].split())


def find(kind: str, name: str) -> Plugin | None:
    """Returns the plug-in of a name, without importing it; None if there is none.

    Raises:
        InvalidValue: Several packages declare the name.
    """
    if _TARGET.fullmatch(name):
        return Plugin(kind, name, target=name)
    found = [plugin for plugin in plugins(kind) if plugin.name == name]
    if len(found) > 1:
        raise errors.InvalidValue(
            f"A {kind} must be declared by one installed package",
            received=f"{kind}={name!r} of {_joined(found)}",
            do=f"Uninstall one of them, or use {kind}={found[0].target}",
        )
    return found[0] if found else None


@functools.cache
def distribution_of(target: str) -> tuple[str, str]:
    """Returns name and version of the distribution of `module:Class`, or ""."""
    from importlib import metadata

    package = re.split(r"[.:]", target)[0]
    found = metadata.packages_distributions().get(package)
    return (found[0], metadata.version(found[0])) if found else ("", "")


def load(plugin: Plugin) -> type:
    """Imports and returns the class of a plug-in.

    Raises:
        InvalidValue: It cannot be imported, or is not a concrete class of its kind.
    """
    kind = KINDS[plugin.kind]
    if _TARGET.fullmatch(plugin.target) is None:
        raise _unusable(plugin, f"{plugin.target!r} is not of the form module:Class")
    quiet.load_tensorflow()
    try:
        value = _imported(plugin.target)
    except (Exception, SystemExit) as error:
        value = _known_to_keras(plugin.target, error)
        if value is None:
            raise _unusable(plugin, f"{type(error).__name__}: {error}") from error
    _check_class(plugin, value, kind)
    return value


def _imported(target: str) -> Any:
    """Imports and returns what is at `module:name`.

    Raises:
        BaseException: Whatever importing raises, SystemExit included.
    """
    _look_in_current_folder()
    module, _, path = target.partition(":")
    value = importlib.import_module(module)
    for name in path.split("."):
        value = getattr(value, name)
    return value


def _known_to_keras(target: str, error: BaseException) -> Any:
    """Returns the class that Keras knows as a target that is missing; None for none.

    So that a class of a script or notebook, whose `__main__` is another one now, is
    found: in a `custom_object_scope`, whose names are the user's, or registered by its
    module or under its name. Another module's class of that name is another class.

    Args:
        target: `module:Class`.
        error: What importing it raised; one from within the module must be seen.
    """
    module, _, path = target.partition(":")
    missing = isinstance(error, ModuleNotFoundError) and error.name is not None
    if module not in sys.modules and not (
        missing and f"{module}.".startswith(f"{error.name}.")
    ):
        return None
    saving = importlib.import_module("keras.saving")
    name = path.split(".")[-1]
    if (found := saving.get_registered_object(name)) is not None:
        return found
    for key, value in saving.get_custom_objects().items():
        package, _, registered = key.rpartition(">")
        if registered == name and module in (package, value.__module__):
            return value
    return None


def _look_in_current_folder() -> None:
    folder = pathlib.Path.cwd()
    if any((parent / _RUN).exists() for parent in (folder, *folder.parents)):
        return
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def _check_class(plugin: Plugin, value: object, kind: Kind) -> None:
    if not isinstance(value, type):
        raise _unusable(plugin, f"{plugin.target} is of {type(value).__name__}", kind)
    if not issubclass(value, kind.bases):
        raise _unusable(plugin, f"{value.__name__}, which is not such a class", kind)
    if inspect.isabstract(value):
        missing = ", ".join(sorted(value.__abstractmethods__))
        raise _unusable(plugin, f"{value.__name__}, which lacks {missing}", kind)


def _unusable(
    plugin: Plugin, why: str, kind: Kind | None = None
) -> errors.InvalidValue:
    if kind is not None:
        names = (f"{base.__module__}.{base.__name__}" for base in kind.bases)
        rule = f"A {plugin.kind} must be a concrete subclass of {' or '.join(names)}"
        do = "Name such a class"
    elif plugin.target.startswith("__main__:"):
        rule = f"A {plugin.kind} of a script or notebook is found there alone"
        do = "Move its class to a module, or load it in Python with custom_objects"
    elif plugin.name == plugin.target:
        rule = f"A {plugin.kind} that is named by module:Class must be importable"
        do = "Check both names, install the package, or work in the module's folder"
    else:
        rule = f"A {plugin.kind} that a package declares must be importable"
        do = f"Repair or uninstall {plugin.source}"
    received = f"{plugin.kind}={plugin.name!r} ({why})"
    return errors.InvalidValue(rule, received=received, do=do)


def _joined(found: list[Plugin]) -> str:
    return " and of ".join(plugin.source for plugin in found)
