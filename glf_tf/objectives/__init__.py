# SPDX-License-Identifier: Apache-2.0
"""Loss terms as pure functions of tensors."""
