# SPDX-License-Identifier: Apache-2.0
"""Samplers of latents, one file each; file name = value of `--inference`."""
