# SPDX-License-Identifier: Apache-2.0
"""Ways of training a finished decoder on; file name = value of `--sharpen`."""
