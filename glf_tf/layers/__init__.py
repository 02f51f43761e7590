# SPDX-License-Identifier: Apache-2.0
"""Keras layers that several kinds of part share."""
