# SPDX-License-Identifier: Apache-2.0
"""What an exported folder holds beside weights and graph; see `glf_tf.export`."""
