# SPDX-License-Identifier: Apache-2.0
"""Flow steps: Keras layers that own parameters and build TFP bijectors."""
