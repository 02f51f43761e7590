# SPDX-License-Identifier: Apache-2.0
"""Experiments: trainings in a folder, with their plan, history and files.

`experiment.train` carries out a `plan.Plan`, `fitting.fit` does for a model that Python
made, both by `session`; `restore` loads what they left; `folder` says which file is
what.
"""
