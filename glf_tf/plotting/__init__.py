# SPDX-License-Identifier: Apache-2.0
"""Figures of training curves and of anomaly detection."""
