# SPDX-License-Identifier: Apache-2.0
"""What trained models are used for: sampling, reconstructing, interpolating."""
