# SPDX-License-Identifier: Apache-2.0
"""Tables of measurements: what they list, what was measured, and where it is shown."""
