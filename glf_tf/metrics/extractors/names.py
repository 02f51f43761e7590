# SPDX-License-Identifier: Apache-2.0
"""The names of extractors, which flags list before TensorFlow is loaded."""

__all__ = ["EXTRACTORS"]

EXTRACTORS = ("auto", "classifier", "random_convolutional", "inception")
