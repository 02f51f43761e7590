# SPDX-License-Identifier: Apache-2.0
"""Generative models, one file a system; file name = value of `--model`."""
