# SPDX-License-Identifier: Apache-2.0
"""A training in a folder: its plan, its history, what it leaves, how it goes on.

`experiment.train` carries out a `plan.Plan`, `fitting.fit` does for a model that Python
made, both by `session`; `restore` loads what they left; `folder` says which file is
what.
"""
