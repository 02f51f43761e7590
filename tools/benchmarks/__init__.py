# SPDX-License-Identifier: Apache-2.0
"""What tools/bench.py measures: this library's work, and the same of its peers."""
