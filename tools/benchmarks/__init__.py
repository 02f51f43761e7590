# SPDX-License-Identifier: Apache-2.0
"""The benchmarks of tools/bench.py: this library and its peers on the same work."""
