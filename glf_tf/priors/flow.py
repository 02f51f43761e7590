# SPDX-License-Identifier: Apache-2.0
"""A flow as a prior: the density of noise mapped by a flow.

Xiao, Yan, Amit: Generative Latent Flow, 2019. https://arxiv.org/abs/1905.10485
Stimper, Schoelkopf, Hernandez-Lobato: Resampling Base Distributions of Normalizing
Flows, 2022, on noise of one mode for data of many. https://arxiv.org/abs/2110.15828
"""

__all__ = ["FlowPrior"]

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from glf_tf import errors, seeds, tracing, types
from glf_tf.flows import flow as flow_lib
from glf_tf.priors import flow_noise, labelled, prior, standard_normal
from glf_tf.priors import guidance as guidance_lib
from glf_tf.priors import smoothing as smoothing_lib

tfb = tfp.bijectors

_AT_ONCE = 1000

_STARTING_CODES = 10_000
"""More would take memory, and hardly move a mean or a deviation."""


class FlowPrior(guidance_lib.Guided, labelled.Labelled, prior.AbstractNoisePrior):
    """The density of `z = F(eps)`, with the noise `eps` of a density of its own.

        log p(z) = log p_noise(f(z)) + log |det df/dz|,  f = F^-1

    Reference: Generative Latent Flow, eq. 1, https://arxiv.org/abs/1905.10485, where
        the noise is N(0, I).

    Extension: any other prior may be the density of the noise. One with trainable
        weights is learned together with the flow. One that is fitted without gradients
        is fitted to the noise of codes; until then it is N(0, I). With `components`,
        this is a mixture. A homeomorphism cannot map N(0, I) to separate clusters: it
        leaves bridges between them, where some samples lie. With `num_classes`, the
        flow depends on a label, by all of its conditioners; or the noise alone does, if
        it can. With `smoothing`, codes have noise in `terms`, as TarFlow's data do, and
        so this is the density of codes with that noise, also in `log_prob`; samples are
        denoised by its gradient, so that their density is another. With
        `label_dropout`, the flow also learns what codes are without a label, and
        samples may be guided away from that.

    Args:
        flow: The flow, which owns the parameters.
        noise: The density of the noise.
        components: Number of components of the mixture that takes the place of noise
            from N(0, I), and of no other; 0 for none.
        num_classes: Number of labels that the density depends on; 0 for none.
        smoothing: Deviation of normal noise that is added to finished codes in
            training, in deviations of these, per coordinate; TarFlow has 0.05 to 0.15.
        denoising: Whether samples are denoised, if there is such noise.
        label_dropout: Share of labels that the flow is not given in training, on
            finished codes; for guidance.
        guidance: Factor on what a label changes in samples of flows that can, as
            `tarflow`: 1 for none, 2 to 3 for samples that are more typical of it. The
            density remains that without.
    """

    def __init__(
        self,
        latent_dim: int,
        *,
        flow: types.Flow = "real_nvp",
        noise: types.Prior = "standard_normal",
        components: int = 0,
        num_classes: int = 0,
        smoothing: float = 0.0,
        denoising: bool = True,
        label_dropout: float = 0.0,
        guidance: float = 1.0,
        **kwargs,
    ):
        super().__init__(latent_dim, **kwargs)
        if components < 0:
            raise errors.InvalidValue(
                "The number of components of the noise must not be negative",
                received=f"components={components}",
                do="Use 0 for N(0, I), or for instance 50",
            )
        self.num_classes = num_classes
        of_noise = num_classes if labelled.takes_labels(noise) else 0
        self.flow = flow_lib.make(
            flow, event_dim=latent_dim, condition_dim=num_classes - of_noise
        )
        self.noise = flow_noise.make(
            noise, components=components, num_classes=of_noise, like=self
        )
        guidance_lib.check(self.flow, dropout=label_dropout)
        self._label_dropout = label_dropout
        self.guidance = guidance  # which is checked
        self.smoothing, self._denoising = None, denoising
        if smoothing:
            self.smoothing = smoothing_lib.Smoothing(
                latent_dim, share=smoothing, dtype=self.dtype_policy, name="smoothing"
            )
        self.built = True

    @property
    def is_guidable(self) -> bool:
        """Whether the flow can be guided, and labels are dropped in training."""
        return self.flow.is_guidable and self._label_dropout > 0.0

    def _not_guidable(self, received: str) -> errors.Unsupported:
        return errors.Unsupported(
            "Guidance needs a flow that can be guided, and labels dropped in training",
            received=f"{received}, {type(self.flow).__name__}, "
            f"label_dropout={self._label_dropout}",
            do="Use flow=tarflow and label_dropout=0.1, or leave guidance out",
        )

    @property
    def is_smoothed(self) -> bool:
        """Whether it is learned from codes with noise."""
        return self.smoothing is not None

    @property
    def starts(self) -> bool:
        """Whether the flow starts from data, or noise on codes has their scale."""
        is_started = isinstance(self.flow, flow_lib.AbstractStartedFlow)
        return is_started or self.is_smoothed

    def start(self, z: np.ndarray, *, label: np.ndarray | None = None) -> None:
        """Starts the flow, if it does and has not, from some of the codes.

        Their scale, if there is noise on them, is that of the newest codes.

        Args:
            z: Codes, `[size, latent_dim]`.
            label: Their labels `[size]`, if the density depends on labels.
        """
        if self.is_smoothed:
            self.smoothing.measure(z)
        if isinstance(self.flow, flow_lib.AbstractStartedFlow):
            size = min(len(z), _STARTING_CODES)
            chosen = np.random.default_rng(0).choice(len(z), size, replace=False)
            chosen = np.sort(chosen)
            condition = self._condition(None if label is None else label[chosen])
            z = tf.constant(z[chosen], self.compute_dtype)
            self.flow.start(z, condition=condition)

    @property
    def fits_noise(self) -> bool:
        """Whether the noise is fitted without gradients."""
        return isinstance(self.noise, prior.Fitted)

    @property
    def has_noise_space(self) -> bool:
        """Whether the noise of latents does not depend on labels."""
        return not self.flow.condition_dim

    def fit_noise(self, z: np.ndarray, *, label: np.ndarray | None = None) -> None:
        """Fits the noise, if it is fitted, to that of codes `[size, latent_dim]`.

        Args:
            z: The codes.
            label: Their labels `[size]`, if the density depends on labels.
        """
        if not self.fits_noise:
            return
        if self.is_smoothed:
            z = self.smoothing.noisy(z, seed=0).numpy()
        starts = range(0, len(z), _AT_ONCE)
        given = [z] if label is None else [z, label]
        batches = [
            [tf.constant(each[start : start + _AT_ONCE]) for each in given]
            for start in starts
        ]
        noise = [self._traced_inverse(*batch) for batch in batches]
        self.noise.fit(np.concatenate(noise), **self._of_noise(label))

    @tracing.method
    def _traced_inverse(
        self, z: tf.Tensor, label: tf.Tensor | None = None
    ) -> tf.Tensor:
        return self.inverse(z, label=label)

    def terms(
        self,
        z: tf.Tensor,
        *,
        seed: types.Seed,
        training: bool,
        label: tf.Tensor | None = None,
    ) -> types.Terms:
        """Returns "nll"; in training, of codes with noise and without some labels."""
        of_noise, of_labels = seeds.split(seed, 2)
        if training and self.is_smoothed:
            z = self.smoothing.noisy(z, seed=of_noise)
        if training and self._label_dropout:
            share = self._label_dropout
            label = guidance_lib.dropped(label, share=share, seed=of_labels)
        return super().terms(z, seed=seed, training=training, label=label)

    def log_prob(
        self,
        z: tf.Tensor,
        *,
        label: tf.Tensor | None = None,
        training: bool = False,
    ) -> tf.Tensor:
        """Returns the log-density of each latent in nats, `[batch]`.

        Args:
            z: `[batch, latent_dim]`.
            label: Their labels `[batch]`; None for the density whatever they are.
            training: As for all priors.
        """
        if self.num_classes and label is None:
            return self._log_prob_of_any(z)
        eps, log_det = self._to_noise(z, label=label, training=training)
        given = self._of_noise(label)
        return self.noise.log_prob(eps, training=training, **given) + log_det

    def log_prob_of_labels(self, z: tf.Tensor) -> tf.Tensor:
        """Returns the log-density of latents given each label, `[batch, num_classes]`.

        Args:
            z: `[batch, latent_dim]`.
        """
        if self.flow.condition_dim:
            return super().log_prob_of_labels(z)
        eps, log_det = self._to_noise(z, label=None, training=False)
        return self.noise.log_prob_of_labels(eps) + log_det[:, None]

    def log_prob_of_normal(
        self,
        z: tf.Tensor,
        *,
        label: tf.Tensor | None = None,
        training: bool = False,
    ) -> tf.Tensor:
        """Returns `log_prob` with noise from N(0, I), `[batch]`."""
        eps, log_det = self._to_noise(z, label=label, training=training)
        return standard_normal.log_density(eps) + log_det

    @property
    def least_codes(self) -> int:
        """The minimum number of codes for the noise."""
        return self.noise.least_codes

    @property
    def least_codes_of_label(self) -> int:
        """The minimum number of codes of each label for the noise."""
        return self.noise.least_codes_of_label

    def sample(
        self,
        n: int | tf.Tensor,
        *,
        seed: types.Seed,
        temperature: float = 1.0,
        training: bool = False,
        label: tf.Tensor | None = None,
        guidance: float | tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Returns latents `[n, latent_dim]`.

        Args:
            n: Number of latents.
            seed: A stateless seed.
            temperature: Factor on the standard deviation of the noise.
            training: As for all priors.
            label: Their labels `[n]`; by default they are drawn, if there are labels.
            guidance: Factor on what a label changes; by default that of the prior.
        """
        how = {"temperature": temperature, "training": training, "label": label}
        how["guidance"] = guidance
        return self._drawn(n, seed=seed, denoising=self._denoising, **how)

    def _drawn(
        self,
        n: int | tf.Tensor,
        *,
        seed: types.Seed,
        guidance: float | tf.Tensor | None,
        denoising: bool,
        temperature: float = 1.0,
        training: bool = False,
        label: tf.Tensor | None = None,
    ) -> tf.Tensor:
        guidance = self._guidance_or_own(guidance)
        if self.num_classes and label is None:
            label = self.sample_labels(n, seed=seed)
        how = {"seed": seed, "temperature": temperature}
        noise = self.sample_noise(n, **how, **self._of_noise(label))
        how = {"label": label, "guidance": guidance, "training": training}
        return self._moved(noise, denoising=denoising, **how)

    @property
    def normal_dim(self) -> int:
        """That of the noise."""
        return self.noise.normal_dim

    def from_normal(self, normal, *, temperature=1.0, label=None):
        """Returns latents of draws of N(0, 1), `[batch, latent_dim]`, as `sample`."""
        given = {"temperature": temperature, **self._of_noise(label)}
        noise = self.noise.from_normal(normal, **given)
        how = {"label": label, "guidance": self.guidance, "training": False}
        return self._moved(noise, denoising=self._denoising, **how)

    def _moved(
        self,
        noise: tf.Tensor,
        *,
        label: tf.Tensor | None,
        guidance: float | tf.Tensor,
        denoising: bool,
        training: bool,
    ) -> tf.Tensor:
        """Returns the latents of noise, denoised if they are to be."""
        bijector = self._bijector(label, training=training, guidance=guidance)
        z = bijector.forward(noise)
        if not (self.is_smoothed and denoising):
            return z
        return self.smoothing.denoised(z, lambda z: self.log_prob(z, label=label))

    def sample_density(self, n: int, *, seed: types.Seed) -> tf.Tensor:
        """Returns latents that are neither guided nor denoised, `[n, latent_dim]`.

        Args:
            n: Number of latents.
            seed: A stateless seed.
        """
        guidance = 1.0 if self.is_guidable else None
        return self._drawn(n, seed=seed, guidance=guidance, denoising=False)

    def with_noise(self, z: tf.Tensor, *, seed: types.Seed) -> tf.Tensor:
        """Returns codes with the noise of `smoothing`, `[batch, latent_dim]`.

        Args:
            z: Codes, `[batch, latent_dim]`.
            seed: A stateless seed.
        """
        return self.smoothing.noisy(z, seed=seed) if self.is_smoothed else z

    def sample_noise(
        self,
        n: int | tf.Tensor,
        *,
        seed: types.Seed,
        temperature: float = 1.0,
        label: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Returns `n` draws of the noise, `[n, latent_dim]`; see its temperature."""
        given = self._of_noise(label)
        return self.noise.sample(n, seed=seed, temperature=temperature, **given)

    def forward(
        self,
        eps: tf.Tensor,
        *,
        training: bool = False,
        label: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Returns the latents of noise, `[batch, latent_dim]`, given labels if any."""
        eps = tf.cast(eps, self.compute_dtype)
        return self._bijector(label, training=training).forward(eps)

    def inverse(self, z: tf.Tensor, *, label: tf.Tensor | None = None) -> tf.Tensor:
        """Returns the noise of latents, `[batch, latent_dim]`, given labels if any."""
        return self._bijector(label).inverse(tf.cast(z, self.compute_dtype))

    def _to_noise(
        self, z: tf.Tensor, *, label: tf.Tensor | None, training: bool
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns noise, and the log-determinant of the map to it."""
        z = tf.cast(z, self.compute_dtype)
        bijector = self._bijector(label, training=training)
        eps = bijector.inverse(z)
        return eps, bijector.inverse_log_det_jacobian(z, event_ndims=1)

    def _bijector(
        self,
        label: tf.Tensor | None,
        *,
        training: bool = False,
        guidance: float | tf.Tensor = 1.0,
    ) -> tfb.Bijector:
        """Returns the flow's bijector, given labels if it depends on them."""
        condition = self._condition(label)
        given = {} if condition is None else {"condition": condition}
        if self.is_guidable:
            given["guidance"] = guidance
        return self.flow.bijector(training=training, **given)

    def _condition(self, label: types.Tensor | None) -> tf.Tensor | None:
        """Returns what the flow depends on: one-hot labels, `[batch, num_classes]`."""
        if label is None or not self.flow.condition_dim:
            return None
        of_labels = tf.one_hot(label, self.num_classes, dtype=self.dtype)
        if not self._label_dropout:
            return of_labels
        return guidance_lib.without_dropped(of_labels, label=label)

    def _of_noise(self, label: tf.Tensor | None) -> dict[str, tf.Tensor]:
        """Returns what the noise is given of labels."""
        return {"label": label} if self.noise.num_classes else {}
