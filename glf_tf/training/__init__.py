# SPDX-License-Identifier: Apache-2.0
"""The training loop of all models, with stages, optimisers and checkpoints."""
