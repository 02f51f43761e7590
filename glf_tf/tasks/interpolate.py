# SPDX-License-Identifier: Apache-2.0
"""Interpolations between images, or between samples."""

__all__ = ["between_images", "between_samples"]

from typing import Literal

import numpy as np

from glf_tf import errors, seeds, types
from glf_tf.models import adversarial
from glf_tf.models import model as model_lib
from glf_tf.tasks import reconstruct

Space = Literal["noise", "latent"]


def between_images(
    model: model_lib.GenerativeModel,
    start: np.ndarray,
    end: np.ndarray,
    *,
    num_steps: int = 10,
    space: Space = "noise",
) -> np.ndarray:
    """Returns the decoded points between the codes of images.

    Args:
        model: A model with an encoder.
        start: Images `[n, height, width, channels]` in [0, 1].
        end: Images `[n, height, width, channels]` in [0, 1].
        num_steps: Number of points on each line, including both ends.
        space: Where the lines are straight; see `AbstractAutoencoder.interpolate`.

    Returns:
        images: `[n, num_steps, height, width, channels]` in [0, 1].

    Raises:
        InvalidValue: `num_steps` is less than 2.
        Unsupported: The model has no encoder, or no noise space.
    """
    check(num_steps)
    encoder = reconstruct.as_autoencoder(model)
    ends = encoder.encode(start), encoder.encode(end)
    return encoder.interpolate(*ends, num_steps=num_steps, space=space).numpy()


def between_samples(
    model: model_lib.GenerativeModel,
    n: int,
    *,
    seed: types.Seed = 0,
    num_steps: int = 10,
    space: Space = "noise",
) -> np.ndarray:
    """Returns the decoded points between `n` pairs of samples from the prior.

    Of a GAN, they are between draws of its noise. Arguments, result and errors are
    those of `between_images`.
    """
    check(num_steps)
    both, how = seeds.split(seed, 2), {"num_steps": num_steps, "space": space}
    if isinstance(model, adversarial.AbstractAdversarial):
        ends = [model.draws(n, seed=one) for one in both]
        return model.interpolate(*ends, **how).numpy()
    encoder = reconstruct.as_autoencoder(model)
    ends = [encoder.prior.sample(n, seed=one) for one in both]
    return encoder.interpolate(*ends, **how).numpy()


def check(num_steps: int) -> None:
    """Checks the number of points.

    Raises:
        InvalidValue: It is less than 2.
    """
    if num_steps < 2:
        raise errors.InvalidValue(
            "An interpolation needs at least its two ends",
            received=f"num_steps={num_steps}",
            do="Use 2 steps or more",
        )
