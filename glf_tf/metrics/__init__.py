# SPDX-License-Identifier: Apache-2.0
"""Metrics of images: functions of features, and the feature extractors."""
