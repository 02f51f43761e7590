# SPDX-License-Identifier: Apache-2.0
"""A page about runs: what was trained, how, and what came of it."""
