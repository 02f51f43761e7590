# SPDX-License-Identifier: Apache-2.0
"""Measures of generated images: pure functions of features, and where features come from."""
