# SPDX-License-Identifier: Apache-2.0
"""Masks of visible pixels: one file a mask; file name = value of `--mask`."""
