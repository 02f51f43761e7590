# SPDX-License-Identifier: Apache-2.0
"""Densities over latents: what a model draws its codes from."""
