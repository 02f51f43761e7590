# SPDX-License-Identifier: Apache-2.0
"""Images as arrays: reading them, holding them, batching them.

`image_set.ImageSet` is what data sets return, `pipeline` batches it, and `pictures` and
`arrays` are the only readers of picture and array files.
"""
