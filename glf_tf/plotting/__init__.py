# SPDX-License-Identifier: Apache-2.0
"""Figures of curves and of detection, drawn from what runs and tools wrote."""
