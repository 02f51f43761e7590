# SPDX-License-Identifier: Apache-2.0
"""The one loop that trains every model, and what happens around it."""
