# SPDX-License-Identifier: Apache-2.0
"""The worker processes that train one model together.

All take the same steps. What one worker alone knows (a signal to stop, how long a step
takes) is exchanged before any of them acts on it.
"""

__all__ = ["Workers", "SharedSums"]

import functools
import itertools
from collections.abc import Callable, Iterable, Mapping

import tensorflow as tf

from glf_tf import types


class Workers:
    """The workers of the current strategy; a single one without several processes.

    Attributes:
        count: The number of workers.
        is_chief: Whether this worker writes files and shows progress.
    """

    def __init__(self):
        """Uses the strategy in whose scope it is called."""
        self._strategy = tf.distribute.get_strategy()
        self.count = 1
        if isinstance(self._strategy, tf.distribute.MultiWorkerMirroredStrategy):
            jobs = self._strategy.cluster_resolver.cluster_spec().as_dict()
            self.count = sum(len(jobs.get(job, ())) for job in ("chief", "worker"))
        self.is_chief = self._strategy.extended.should_checkpoint
        self._reduce = tf.function(self._reduced, autograph=False)

    def mean(self, value: float) -> float:
        """Returns the mean of the workers' values; each waits for all others.

        Raises:
            tf.errors.UnavailableError: A worker is gone.
        """
        if self.count == 1:
            return value
        return float(self._reduce(tf.constant(value, tf.float64)))

    def any(self, value: bool) -> bool:
        """Returns whether any worker passes True; each waits for all others."""
        return self.mean(float(value)) > 0.0

    def wait(self) -> None:
        """Waits until all workers call this."""
        self.mean(0.0)

    def _reduced(self, value: tf.Tensor) -> tf.Tensor:
        mean = tf.distribute.ReduceOp.MEAN
        each = self._strategy.run(tf.identity, args=(value,))
        return self._strategy.reduce(mean, each, axis=None)


class SharedSums:
    """Sums of a function's values over batches, shared by the replicas.

    They equal those of one device, up to the order of additions.
    """

    def __init__(
        self,
        function: Callable[[types.Batch, tf.Tensor], Mapping[str, tf.Tensor]],
    ):
        """Initializes the sums; call it in the strategy's scope.

        Args:
            function: Returns scalars by name, given a batch and its index.
        """
        self._strategy = tf.distribute.get_strategy()
        self._function = function
        # As in `training.step`: TensorFlow does not count the traces of a partial one.
        summed = functools.partial(self._sum)
        self._summed = tf.function(summed, autograph=False, reduce_retracing=True)

    def __call__(self, batches: Iterable[types.Batch]) -> dict[str, float]:
        """Returns the sums by name.

        Args:
            batches: All batches; each worker iterates over all and computes its own.
        """
        numbered = enumerate(batches)
        totals: dict[str, float] = {}
        while group := list(
            itertools.islice(numbered, self._strategy.num_replicas_in_sync)
        ):
            for name, value in self._summed(self._shared(group)).items():
                totals[name] = totals.get(name, 0.0) + float(value)
        return totals

    def _shared(self, group: list[tuple[int, types.Batch]]) -> tuple:
        """Returns a batch for each replica, its index and weight: 0 without a batch."""

        def share(context):
            place = context.replica_id_in_sync_group
            number, batch = group[place] if place < len(group) else group[0]
            return batch, tf.constant(number), tf.constant(float(place < len(group)))

        return self._strategy.experimental_distribute_values_from_function(share)

    def _sum(self, shares: tuple) -> Mapping[str, tf.Tensor]:
        def weighted(batch, number, weight):
            values = self._function(batch, number)
            return {name: weight * value for name, value in values.items()}

        values = self._strategy.run(weighted, args=shares)
        add = tf.distribute.ReduceOp.SUM
        return {
            name: self._strategy.reduce(add, value, axis=None)
            for name, value in values.items()
        }
