# SPDX-License-Identifier: Apache-2.0
"""Evaluation of samples, reconstructions and anomaly scores.

`evaluation.Evaluation` applies the metrics of `glf_tf.metrics` to image sources;
`detection` evaluates anomaly scores.
"""
