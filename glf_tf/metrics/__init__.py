# SPDX-License-Identifier: Apache-2.0
"""Measures of images: functions of features, and where the features come from."""
