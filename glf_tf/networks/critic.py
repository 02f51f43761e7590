# SPDX-License-Identifier: Apache-2.0
"""The critic of latents in WAE-GAN.

Xiao, Yan, Amit: Generative Latent Flow, 2019, appendix B.3.
https://arxiv.org/abs/1905.10485
"""

__all__ = ["critic"]

import keras
from keras import layers


def critic(
    latent_dim: int, *, width: int, depth: int, name: str = "critic"
) -> keras.Model:
    """Returns a new critic, `[batch, latent_dim]` to one logit, `[batch, 1]`.

    `depth` dense layers with ReLU, and a linear one.

    Deviation: weights start as in Keras (Glorot, uniform); in the code of the WAE paper
        they start from N(0, 0.01^2), which in five layers reduces the signal to 1e-4.

    Args:
        latent_dim: Size of the latents.
        width: Units of each hidden layer.
        depth: Number of hidden layers.
        name: The model's name.
    """
    hidden = [
        layers.Dense(width, activation="relu", name=f"dense_{index}")
        for index in range(depth)
    ]
    last = layers.Dense(1, name="dense_last")
    return keras.Sequential(
        [keras.Input((latent_dim,), name="z"), *hidden, last], name=name
    )
