# SPDX-License-Identifier: Apache-2.0
"""Traces of one function for many models, or for inputs of many sizes.

TensorFlow warns of a `tf.function` that is traced again and again, since that is mostly
a fault. A method is traced for every model, and a fit for every size of its codes, on
purpose: here each of these has a `tf.function` of its own.
"""

__all__ = ["by_size", "method"]

import functools
import inspect
import weakref
from collections.abc import Callable, Hashable

import tensorflow as tf

_MOST_SIZES = 32


class method:  # noqa: N801 - a decorator
    """A method that is traced for each object once, whatever the batch's size."""

    def __init__(self, function: Callable):
        self._function = function
        self._made = weakref.WeakKeyDictionary()
        functools.update_wrapper(self, function)

    def __get__(self, instance: object, owner: type | None = None):
        """Returns the `tf.function` of an object."""
        if instance is None:
            return self
        if instance not in self._made:
            self._made[instance] = self._make(weakref.ref(instance))
        return self._made[instance]

    def _make(self, reference: weakref.ref):
        def of_object(*args, **kwargs):
            return self._function(reference(), *args, **kwargs)

        signature = inspect.signature(self._function)
        own = list(signature.parameters.values())[1:]
        call = _Own(of_object, signature=signature.replace(parameters=own))
        return tf.function(call, autograph=False, reduce_retracing=True)


def by_size(function: Callable) -> Callable:
    """Returns a function that is traced for each size of its arguments once.

    The traces of the last 32 are kept.

    Args:
        function: Of tensors, tuples of them, and constants.
    """

    @functools.lru_cache(maxsize=_MOST_SIZES)
    def of_size(key: Hashable):
        del key
        call = _Own(function, signature=inspect.signature(function))
        return tf.function(call, autograph=False)

    @functools.wraps(function)
    def call(*args, **kwargs):
        flat = tf.nest.flatten((args, sorted(kwargs.items())))
        key = tuple(map(_size, flat))
        return of_size(key)(*args, **kwargs)

    return call


class _Own:
    """A function as an object: TensorFlow counts traces by a function's code."""

    def __init__(self, function: Callable, *, signature: inspect.Signature):
        self._function, self.__signature__ = function, signature

    def __call__(self, *args, **kwargs):
        return self._function(*args, **kwargs)


def _size(value: object) -> Hashable:
    if isinstance(value, tf.Tensor):
        return value.dtype, tuple(value.shape)
    return value
