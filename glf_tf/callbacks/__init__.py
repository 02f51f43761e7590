# SPDX-License-Identifier: Apache-2.0
"""Callbacks of the training loop: scalars, pictures, validation, saving.

Each is an `AbstractCallback` of `glf_tf.training.callback`, called at intervals. To add
one, write a subclass here and a line in `glf_tf/experiments/session.py`.
"""
