# SPDX-License-Identifier: Apache-2.0
"""Flows: chains of flow steps, one file each; file name = value of `--flow`."""
