# SPDX-License-Identifier: Apache-2.0
"""Figures of training curves and of anomaly detection."""

import warnings

# Names of files may have characters of any script: a box stands for what a font lacks.
warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
