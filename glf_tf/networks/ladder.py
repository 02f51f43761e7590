# SPDX-License-Identifier: Apache-2.0
"""The generator of several layers of latents whose inference is a short chain.

Nijkamp, Pang, Han, Zhou, Zhu, Wu: Learning Multi-layer Latent Variable Model via
Variational Optimization of Short Run MCMC for Approximate Inference, 2020, and its
released code. https://arxiv.org/abs/1912.01909
"""

__all__ = ["Ladder"]

import itertools
import math
from typing import Literal

import keras
from keras import layers, ops

from glf_tf import errors, types
from glf_tf.layers import biased
from glf_tf.networks import network, transposed

_MAPS = 4
"""Feature maps that a layer's latents are projected to before they are convolved."""

_LARGE = 5
"""Side of the larger kernels."""

_MAX_LOG_VARIANCE = 10.0


class Ladder(network.AbstractNetwork):
    """Several layers of latents, each with a Gaussian prior given those above it.

        decoder: z = (eps_1, ..., eps_L), the top layer first
                 h_1 = block(project(eps_1))
                 z_l = mean(h_{l-1}) + std(h_{l-1}) * eps_l
                 h_l = block(project(z_l)) + h_{l-1}
                 transposed conv 4x4 with stride 2 of block(h_L), to the channels
        project: dense to 4 maps of half the image's side, GELU; conv 5x5, GELU
        block:   h + (conv 5x5, GELU; conv 3x3, GELU)(h)
        mean:    conv 5x5 without padding, to as many maps as z_l has numbers, GELU;
                 dense; and so log(std^2), between 0 and 10

    All of eps together is N(0, I), so a model with the prior N(0, I) needs no special
    treatment of the layers: a chain that infers eps infers every z_l.

    A released generator ends in `tanh(h)`, pixels in [-1, 1]: the pixel logits are
    `2 h`. Weights start as PyTorch's do, uniform within 1 / sqrt(fan-in).

    The encoder is ours, as none was released: conv 4x4 with stride 2, two blocks,
    dense.

    Args:
        latent_dims: Sizes of the layers of latents, the top one first; `latent_dim` is
            their sum.
        filters: Feature maps of the blocks.
        precision: Precision of all layers except the last: float32, or bfloat16 or
            float16, which are faster on GPUs and some CPUs.
    """

    def __init__(
        self,
        *,
        latent_dims: tuple[int, ...] = (64, 64, 64, 96, 128),
        filters: int = 64,
        precision: Literal["float32", "bfloat16", "float16"] = "float32",
    ):
        super().__init__(precision=precision)
        self.latent_dims, self.filters = tuple(latent_dims), filters
        if not self.latent_dims or min(*self.latent_dims, filters) < 1:
            raise errors.InvalidValue(
                "The sizes of the layers of latents and the filters must be positive",
                received=f"latent_dims={self.latent_dims}, filters={filters}",
                do="Use for instance --network.latent_dims=64,64,64,96,128",
            )

    def encoder(
        self, image_shape: types.ImageShape, output_dim: int, *, name: str = "encoder"
    ) -> keras.Model:
        """Returns a new encoder; see `AbstractNetwork`."""
        inner = _inner(image_shape)
        image = keras.Input(image_shape, name="image")
        with keras.name_scope(name):
            fan = 16 * image_shape[2]
            h = biased.BiasedConv(
                self.filters,
                kernel_size=4,
                strides=2,
                padding="same",
                activation="gelu",
                name="conv_first",
                **self._options(fan),
            )(image)
            for index in range(2):
                h = self._block(h, name=f"block_{index}")
            h = layers.Flatten(name="flatten")(h)
            fan = math.prod(inner) * self.filters
            h = layers.Dense(output_dim, name="dense_last", **_start(fan))(h)
        return keras.Model(image, h, name=name)

    def decoder(
        self, latent_dim: int, image_shape: types.ImageShape, *, name: str = "decoder"
    ) -> keras.Model:
        """Returns a new decoder; see `AbstractNetwork`.

        Raises:
            InvalidValue: `latent_dim` is not the sum of `latent_dims`, or the images'
                sides are odd or less than 10.
        """
        if latent_dim != sum(self.latent_dims):
            raise errors.InvalidValue(
                "`latent_dim` must be the sum of the layers' sizes",
                received=f"latent_dim={latent_dim}, latent_dims={self.latent_dims}",
                do=f"Use --latent_dim={sum(self.latent_dims)}",
            )
        inner = _inner(image_shape)
        z = keras.Input((latent_dim,), name="z")
        with keras.name_scope(name):
            ends = itertools.accumulate(self.latent_dims)
            pairs = zip(self.latent_dims, ends, strict=True)
            top, *lower = (z[:, end - size : end] for size, end in pairs)
            h = self._layer(top, inner, index=0)
            for index, eps in enumerate(lower, start=1):
                given = self._given(h, eps, name=f"given_{index}")
                h = self._layer(given, inner, index=index) + h
            h = self._block(h, name="block_last")
            channels = image_shape[2]
            last = transposed.Upsampling(
                channels, name="deconv_last", **_start(16 * channels)
            )
            # tanh(h) in [-1, 1] is sigmoid(2 h) in [0, 1].
            logits = layers.Rescaling(2.0, name="logits")(last(h))
        return keras.Model(z, logits, name=name)

    def _layer(
        self, z: keras.KerasTensor, inner: tuple[int, int], *, index: int
    ) -> keras.KerasTensor:
        """Returns a layer's feature maps of its latents alone."""
        made = self._project(z, inner, name=f"project_{index}")
        return self._block(made, name=f"block_{index}")

    def _given(
        self, h: keras.KerasTensor, eps: keras.KerasTensor, *, name: str
    ) -> keras.KerasTensor:
        """Returns the latents of a layer whose noise is `eps`, given those above."""
        mean, raw = (
            self._read(h, eps.shape[1], name=f"{name}_{part}")
            for part in ("mean", "variance")
        )
        log_variance = ops.minimum(ops.softplus(raw), _MAX_LOG_VARIANCE)
        return mean + ops.exp(0.5 * log_variance) * eps

    def _read(self, h: keras.KerasTensor, size: int, *, name: str) -> keras.KerasTensor:
        """Returns `size` numbers of feature maps."""
        h = layers.Conv2D(
            size,
            _LARGE,
            activation="gelu",
            name=f"{name}_conv",
            **self._options(_LARGE**2 * self.filters),
        )(h)
        h = layers.Flatten(name=f"{name}_flatten")(h)
        return layers.Dense(size, name=f"{name}_dense", **self._options(h.shape[1]))(h)

    def _project(
        self, z: keras.KerasTensor, inner: tuple[int, int], *, name: str
    ) -> keras.KerasTensor:
        """Returns feature maps of latents."""
        h = layers.Dense(
            math.prod(inner) * _MAPS,
            activation="gelu",
            name=f"{name}_dense",
            **self._options(z.shape[1]),
        )(z)
        h = layers.Reshape((*inner, _MAPS), name=f"{name}_reshape")(h)
        # Released as transposed convolution: with stride 1 the same, except for the
        # fan-in.
        return layers.Conv2D(
            self.filters,
            _LARGE,
            padding="same",
            use_bias=False,
            activation="gelu",
            name=f"{name}_conv",
            **self._options(_LARGE**2 * self.filters),
        )(h)

    def _block(self, h: keras.KerasTensor, *, name: str) -> keras.KerasTensor:
        """Returns a residual block of two convolutions."""
        made = h
        for kernel in (_LARGE, 3):
            made = layers.Conv2D(
                self.filters,
                kernel,
                padding="same",
                activation="gelu",
                name=f"{name}_conv_{kernel}",
                **self._options(kernel**2 * self.filters),
            )(made)
        return made + h

    def _options(self, fan: int) -> dict:
        """Returns the arguments of every layer except the last."""
        return {**_start(fan), "dtype": self.policy}


def _start(fan: int) -> dict:
    """Returns the initialisers of a layer, PyTorch's defaults.

    Args:
        fan: The fan-in; of a transposed convolution PyTorch counts the outputs.
    """
    bound = 1.0 / math.sqrt(fan)
    names = ("kernel_initializer", "bias_initializer")
    # One each: a reused initialiser repeats its values.
    return {name: keras.initializers.RandomUniform(-bound, bound) for name in names}


def _inner(image_shape: types.ImageShape) -> tuple[int, int]:
    """Returns height and width of the feature maps."""
    height, width, _ = image_shape
    if height % 2 or width % 2 or min(height, width) < 2 * _LARGE:
        raise errors.InvalidValue(
            f"The ladder needs an even height and width of at least {2 * _LARGE}",
            received=f"image_shape={image_shape}",
            do="Resize or pad the images, or use --network=mlp",
        )
    return height // 2, width // 2
