# SPDX-License-Identifier: Apache-2.0
"""Names for the kinds of values that travel between the parts of the library."""

__all__ = ["Tensor", "Seed", "Batch", "Terms", "ImageShape", "Spec", "Path"]

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

Tensor = tf.Tensor
"""A tensor, or anything that `tf.convert_to_tensor` takes."""

Seed = tf.Tensor | tuple[int, int] | int
"""A stateless seed: an int32 tensor of shape `[2]`, a pair, or an int (see `seeds`)."""

Batch = Mapping[str, tf.Tensor]
"""`image` [batch, height, width, channels] float32 in [0, 1]; `index` [batch] int64;
`label` [batch] int64 where the data set has labels; `mask` [batch, height, width, 1],
1 for visible pixels, where some are hidden."""

Terms = dict[str, tf.Tensor]
"""Named loss terms, each of shape [batch] or []; smaller is better."""

ImageShape = tuple[int, int, int]
"""(height, width, channels)."""

Spec = str | Mapping[str, Any]
"""A part of a model by name, or by name with options: `{"name": "mlp", "width":
200}`."""

Path = str
"""A path as text; tools take it with `~` for the home folder."""
