# SPDX-License-Identifier: Apache-2.0
"""Comparison of recipes, trained and evaluated under one protocol.

`comparison.compare` trains and measures all jobs and returns the table; the other files
are its steps.
"""
