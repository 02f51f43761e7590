# SPDX-License-Identifier: Apache-2.0
"""Command-line flags: turns a command line into plain values.

Flags are defined from the code that states their defaults: training settings from the
dataclasses in `training.options` and `experiments.plan`, the options of a model, data
set, network or flow from its constructor, so that `--model=foo --help` shows the
options of `foo`. Nothing here loads TensorFlow before all flags are checked.
"""
