# SPDX-License-Identifier: Apache-2.0
"""Devices: distribution strategies, clusters of workers, threads.

The tools call `strategies.strategy`; code within a strategy uses `workers`.
"""
