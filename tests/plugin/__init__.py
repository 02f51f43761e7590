# SPDX-License-Identifier: Apache-2.0
"""A package of parts beyond the library, and what is promised to such packages."""
