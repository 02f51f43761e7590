# SPDX-License-Identifier: Apache-2.0
"""Runs: a plan carried out in a folder, and models loaded from what it left there."""
