# SPDX-License-Identifier: Apache-2.0
"""What `compile` takes: the settings of optimisers, for all groups or by group."""

__all__ = ["Compiled", "given_of", "settings_of"]

import dataclasses
from collections.abc import Mapping

from glf_tf import errors
from glf_tf.keras_api import refusals
from glf_tf.training import options

_SETTINGS = tuple(field.name for field in dataclasses.fields(options.Optimizers))


class Compiled:
    """The methods of a Keras model that set how it is trained."""

    _settings = options.Optimizers()
    _compiles, _has_norms = False, False
    optimizer = None
    """Keras' callbacks look for it; each group of variables has its own in `fit`."""

    def compile(
        self,
        optimizer: str | Mapping[str, str] | None = None,
        loss: None = None,
        metrics: None = None,
        *,
        jit_compile: bool = False,
        gradient_norms: bool = False,
        run_eagerly: bool = False,
        **settings: object,
    ) -> None:
        """Sets how `fit` trains; without it, `fit` has the defaults.

        A `.keras` file keeps the settings: `fit` of a loaded model trains with them. It
        keeps no state of optimisers, with which each `fit` begins anew.

        Args:
            optimizer: Name of the optimiser of each group of variables: adam, adamax,
                rmsprop or sgd; or by group, such as `{"": "adam", "flow": "sgd"}`.
            loss: None: the model has its own terms.
            metrics: None: see `evaluate`.
            jit_compile: Whether XLA compiles the forward and backward passes.
            gradient_norms: Whether `History` has the norm of each group's gradient, as
                "gradient_norm/flow".
            run_eagerly: False.
            **settings: Fields of `training.options.Optimizers`: a value for all groups,
                or by group, such as `learning_rate={"": 1e-3, "flow": 5e-4}`.

        Raises:
            Unsupported: Something is given of what Keras' own loop does, such as an
                object as optimiser.
            InvalidValue: There is no such setting, or it is out of range.
        """
        refusals.settings(loss=loss, metrics=metrics)
        refusals.optimizer(optimizer)
        settings |= {} if optimizer is None else {"optimizer": optimizer}
        if run_eagerly:
            raise errors.Unsupported(
                "The loop runs traced functions",
                received="run_eagerly=True",
                do="Call tf.config.run_functions_eagerly(True) to look inside",
            )
        self._settings = settings_of(settings)
        self._compiles, self.compiled = bool(jit_compile), True
        self._has_norms = bool(gradient_norms)

    def get_compile_config(self) -> dict | None:
        """Returns the arguments of `compile` that are no defaults; None without it."""
        if not self.compiled:
            return None
        return {
            "jit_compile": self._compiles,
            "gradient_norms": self._has_norms,
            **given_of(self._settings),
        }

    def compile_from_config(self, config: Mapping) -> None:
        """Calls `compile` with what `get_compile_config` returned."""
        self.compile(**config)

    def train_step(self, *args, **kwargs):
        """Is refused: a step of a stage has updates and optimisers of its own."""
        del args, kwargs
        refusals.steps("train_step")

    test_step = train_step

    def train_on_batch(self, *args, **kwargs):
        """Is refused, as `train_step` is."""
        del args, kwargs
        refusals.steps("train_on_batch")

    def test_on_batch(self, *args, **kwargs):
        """Is refused: `evaluate` measures."""
        del args, kwargs
        refusals.steps("test_on_batch")


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
                do=errors.suggestion(
                    name, (*_SETTINGS, "jit_compile", "gradient_norms")
                ),
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
