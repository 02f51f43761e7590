# SPDX-License-Identifier: Apache-2.0
"""Measures what is drawn: samples, reconstructions, anomalies.

`evaluation.Evaluation` measures image sources by the metrics of `glf_tf.metrics`;
`detection` measures scores of anomalies.
"""
