# SPDX-License-Identifier: Apache-2.0
"""Parts for glf_tf: a file each, announced in pyproject.toml."""
