# SPDX-License-Identifier: Apache-2.0
"""Image data sets, one file a set; file name = value of `--dataset`."""
