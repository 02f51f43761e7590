# SPDX-License-Identifier: Apache-2.0
"""Maps of images to features, in which distances between sets of images are taken.

`choice.make` gives the one that a name stands for; to add one, write a subclass of
`features.AbstractExtractor`.
"""
