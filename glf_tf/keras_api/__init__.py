# SPDX-License-Identifier: Apache-2.0
"""The methods of a Keras model, as models have them: their loop has stages.

`compiling` has `compile`; `trainable` `fit` and `evaluate`; `saving` `predict`, `save`
and `export`. What Keras' own loop alone could do is refused in `refusals`.
"""
