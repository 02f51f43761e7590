# SPDX-License-Identifier: Apache-2.0
"""What `compile` takes: the settings of optimisers, for all groups or by group."""

__all__ = ["given_of", "settings_of"]

import dataclasses
from collections.abc import Mapping

from glf_tf import errors
from glf_tf.training import options

_SETTINGS = tuple(field.name for field in dataclasses.fields(options.Optimizers))


def settings_of(given: Mapping[str, object]) -> options.Optimizers:
    """Returns the settings that are given; those that are not have their defaults.

    Raises:
        InvalidValue: There is no such setting, or it is out of range.
    """
    for name, value in given.items():
        if name not in _SETTINGS:
            raise errors.InvalidValue(
                "`compile` takes the settings of optimisers",
                received=f"{name}={value!r}",
                do=errors.suggestion(name, (*_SETTINGS, "jit_compile")),
            )
    defaults = options.Optimizers()
    return options.Optimizers(
        **{
            name: _by_group(value, getattr(defaults, name))
            for name, value in given.items()
        }
    )


def given_of(settings: options.Optimizers) -> dict[str, dict]:
    """Returns the settings that are no defaults, each by group, in values of JSON."""
    defaults = options.Optimizers()
    found = {name: getattr(settings, name) for name in _SETTINGS}
    return {
        name: dict(value)
        for name, value in found.items()
        if value != getattr(defaults, name)
    }


def _by_group(value: object, default: Mapping) -> Mapping:
    """Returns a setting as a mapping: of a plain value, that of all groups."""
    if not isinstance(value, Mapping):
        return {"": value}
    return {**default, **{str(group): each for group, each in value.items()}}
