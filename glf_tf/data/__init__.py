# SPDX-License-Identifier: Apache-2.0
"""Images as arrays: reading them, holding them, batching them.

`image_set.ImageSet` is what data sets give, `pipeline` makes batches of it, and
`pictures` and `arrays` are the one reader of each kind of foreign file.
"""
