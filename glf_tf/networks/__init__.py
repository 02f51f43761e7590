# SPDX-License-Identifier: Apache-2.0
"""Encoders and decoders, one file a family; file name = value of `--network`."""
