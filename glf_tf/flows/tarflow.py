# SPDX-License-Identifier: Apache-2.0
"""TarFlow: an autoregressive flow of transformers, here on the tokens of vectors.

Zhai, Zhang, Nakkiran, Berthelot, Gu, Zheng, Chen, Bautista, Jaitly, Susskind:
Normalizing Flows are Capable Generative Models, 2024. https://arxiv.org/abs/2412.06329
"""

__all__ = ["TarFlow"]

import keras

from glf_tf.bijectors import step, transformer_autoregressive
from glf_tf.flows import autoregressive_flow, flow


@keras.saving.register_keras_serializable(package="glf_tf")
class TarFlow(autoregressive_flow.AbstractAutoregressiveFlow):
    """Blocks of `ActNorm`, a mixing of coordinates and a `TransformerAutoregressive`.

    Fast towards noise: for likelihoods, and so for training on data. Draws find one
    token after the other, with the keys and values of those before it.

    The paper's blocks alternate the order of tokens, which are patches of images:
    `mixing="reversal"`. The coordinates of a latent have no order. Its noise of data in
    training, and the denoising of samples, are options of `FlowPrior`.

    Args:
        event_dim: Size of the vectors.
        blocks: Number of blocks.
        token_dim: Number of coordinates of a token; the last has fewer if it does not
            divide `event_dim`.
        hidden: Width of the transformers, the paper's up to 1024.
        depth: Number of layers of each, the paper's 8.
        head_dim: Width of a head of attention, which divides `hidden`; the paper's 64.
        dropout: Share of what a layer adds that is set to zero in training.
        **kwargs: As in `AbstractAutoregressiveFlow`.
    """

    def __init__(
        self,
        event_dim: int,
        *,
        blocks: int = 4,
        token_dim: int = 4,
        hidden: int = 64,
        depth: int = 2,
        head_dim: int = 32,
        dropout: float = 0.0,
        **kwargs,
    ):
        sizes = {"token_dim": token_dim, "hidden": hidden, "depth": depth}
        flow.check_sizes(**sizes, head_dim=head_dim)
        self._options = {
            # Keras takes no integers of NumPy.
            **{name: int(size) for name, size in sizes.items()},
            "head_dim": int(head_dim),
            "dropout": float(dropout),
        }
        super().__init__(event_dim, blocks=blocks, **kwargs)

    def make_autoregressive(self, block: int, **options) -> step.AbstractFlowStep:
        """Returns a new autoregressive step."""
        return transformer_autoregressive.TransformerAutoregressive(
            self.event_dim, seed=block, **self._options, **options
        )
