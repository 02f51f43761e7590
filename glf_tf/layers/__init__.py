# SPDX-License-Identifier: Apache-2.0
"""Keras layers shared by several kinds of part."""
