# SPDX-License-Identifier: Apache-2.0
"""The one reader of flags: turns a command line into plain values.

Flags come from where their defaults are stated: the settings of training from the data
classes in `training.options` and `runs.plan`, the options of a model, data set, network
or flow from its constructor, so that `--model=foo --help` shows what `foo` has. Nothing
here loads TensorFlow before the flags are known to be right.
"""
