# SPDX-License-Identifier: Apache-2.0
"""Recipes trained and measured under one protocol, and the table that comes of it.

`comparison.run` trains each job, measures it, and writes the table; the other files are
its steps.
"""
