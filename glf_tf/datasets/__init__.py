# SPDX-License-Identifier: Apache-2.0
"""Data sets, one file each; file name = value of `--dataset`.

To add one, write a subclass of `AbstractDataset` in a file of its name, a line in
`tests/conformance/test_datasets.py`, and `flags/base/NAME.cfg`.
"""
