# SPDX-License-Identifier: Apache-2.0
"""Where a run is computed: strategies, clusters of workers, threads.

`strategies.strategy` is what the tools call; `workers` is what code within a strategy
asks.
"""
