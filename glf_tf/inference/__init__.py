# SPDX-License-Identifier: Apache-2.0
"""Inference of latents: one file a sampler; file name = value of `--inference`."""
