# SPDX-License-Identifier: Apache-2.0
"""Tasks of trained models: sampling, reconstruction, interpolation and others."""
