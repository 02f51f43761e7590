# SPDX-License-Identifier: Apache-2.0
"""Maps of images to features, in which distances between sets of images are taken.

`choice.make` returns an extractor by its name; to add one, write a subclass of
`features.AbstractExtractor`.
"""
