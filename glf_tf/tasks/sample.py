# SPDX-License-Identifier: Apache-2.0
"""Draws any number of images from a model, in batches."""

__all__ = ["sample", "strip"]

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf

from glf_tf import errors, seeds, types
from glf_tf.models import base_model, label_inputs, numeric_inputs

CHUNK = 500
"""Batch size."""


def sample(
    model: base_model.AbstractModel,
    n: int,
    *,
    seed: types.Seed = 0,
    temperature: float = 1.0,
    labels: Sequence[int] | None = None,
    guidance: float | None = None,
) -> Iterator[np.ndarray]:
    """Draws `n` images; replicas of the model share them.

    The first 500 are those of `model.sample(500, seed)`; the k-th batch after them has
    the seed `seeds.fold(seed, k)`. So fewer images are a prefix of more images.

    Args:
        model: The model.
        n: Number of images.
        seed: A stateless seed.
        temperature: Factor on the standard deviation of the noise.
        labels: A label of each image, for a model that is conditional on them; by
            default they are drawn.
        guidance: Factor on what a label changes, for a model that can be guided; by
            default that of its prior.

    Yields:
        images: float32 `[up to 500, height, width, channels]` in [0, 1].

    Raises:
        InvalidValue: `n` is less than 1, `temperature` is negative, a label is out of
            range, or the guidance is not finite.
        Unsupported: There are labels, and the model takes none; or there is guidance,
            and it cannot be guided.
    """
    check(n, temperature=temperature)
    if labels is not None:
        asked = ", ".join(map(str, dict.fromkeys(labels)))
        label_inputs.check_conditional(
            model.num_classes, received=f"labels {asked}"[:80]
        )
        label_inputs.labels(labels, num_classes=model.num_classes, count=n)
    how = {"temperature": tf.constant(temperature, tf.float32)}
    if guidance is not None:
        numeric_inputs.guidance(guidance, is_guidable=model.is_guidable)
        how["guidance"] = tf.constant(guidance, tf.float32)
    requests = [
        _request(chunk, n=n, seed=seed, labels=labels)
        for chunk in range(-(-n // CHUNK))
    ]
    strategy = _strategy_of(model)
    if strategy.num_replicas_in_sync > 1:
        yield from _spread(model, requests, strategy=strategy, how=how)
        return
    for request in requests:
        yield model.traced_sample(**request, **how).numpy()


def strip(
    model: base_model.AbstractModel,
    n: int,
    *,
    temperatures: Sequence[float],
    seed: types.Seed = 0,
    labels: Sequence[int] | None = None,
    guidance: float | None = None,
) -> Iterator[np.ndarray]:
    """Draws `n` images for each temperature, all from the same `n` draws of noise.

    Arguments, images and errors are those of `sample`.
    """
    for temperature in temperatures:
        check(n, temperature=temperature)
    for temperature in temperatures:
        how = {"temperature": temperature, "labels": labels, "guidance": guidance}
        yield from sample(model, n, seed=seed, **how)


def _request(
    chunk: int, *, n: int, seed: types.Seed, labels: Sequence[int] | None
) -> dict[str, tf.Tensor]:
    """Returns the arguments of a batch's `sample`."""
    first = chunk * CHUNK
    request = {
        "n": tf.constant(min(CHUNK, n - first)),
        "seed": seeds.fold(seed, chunk) if chunk else seeds.make(seed),
    }
    if labels is not None:
        request["label"] = tf.constant(labels[first : first + CHUNK], tf.int32)
    return request


def _strategy_of(model: base_model.AbstractModel) -> tf.distribute.Strategy:
    """Returns the model's strategy if it has devices of this process alone."""
    one_device = tf.distribute.get_strategy()
    if not model.variables:
        return one_device
    found = getattr(model.variables[0].value, "distribute_strategy", one_device)
    # Workers draw independently; a shared strategy would make them wait.
    return found if isinstance(found, tf.distribute.MirroredStrategy) else one_device


def _spread(
    model: base_model.AbstractModel,
    requests: Sequence[Mapping[str, tf.Tensor]],
    *,
    strategy: tf.distribute.Strategy,
    how: Mapping[str, tf.Tensor],
) -> Iterator[np.ndarray]:
    """Yields the images of each request in turn; each replica draws one request."""

    @tf.function(autograph=False, reduce_retracing=True)
    def draw(shares):
        return strategy.run(
            lambda share: model.sample(**share, **how),
            args=(shares,),
        )

    replicas = strategy.num_replicas_in_sync
    for first in range(0, len(requests), replicas):
        group = requests[first : first + replicas]
        # The last replicas may have no request; they repeat one, which is dropped.
        shares = strategy.experimental_distribute_values_from_function(
            lambda context, group=group: group[
                context.replica_id_in_sync_group % len(group)
            ]
        )
        drawn = strategy.experimental_local_results(draw(shares))
        yield from (images.numpy() for images in drawn[: len(group)])


def check(n: int, *, temperature: float) -> None:
    """Checks the number of samples and the temperature.

    Raises:
        InvalidValue: `n` is less than 1, or `temperature` is not between 0 and 1,000.
    """
    if n < 1:
        raise errors.InvalidValue(
            "The number of samples must be at least 1",
            received=f"num_samples={n}",
            do="Use 1 or more",
        )
    numeric_inputs.temperature(temperature)
