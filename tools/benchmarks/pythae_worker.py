# SPDX-License-Identifier: Apache-2.0
"""pythae on the autoencoder of GLF (without a flow), trained by its own trainer.

python pythae_worker.py train_mnist|train_cifar10
"""

import logging
import sys
import tempfile

import numpy as np
import torch
import torch_networks
import worker
from pythae import models, trainers
from pythae.models import base
from pythae.models.nn import BaseDecoder, BaseEncoder

_BATCH_SIZE = 256
_STEPS = 20
_SHAPES = {"train_mnist": ((28, 28, 1), 20), "train_cifar10": ((32, 32, 3), 64)}


class _Encoder(BaseEncoder):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return base.base_utils.ModelOutput(embedding=self.network(x))


class _Decoder(BaseDecoder):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, z):
        image = torch.sigmoid(self.network(z))
        return base.base_utils.ModelOutput(reconstruction=image)


def _train(image_shape, latent_dim):
    logging.disable(logging.WARNING)
    height, width, channels = image_shape
    encoder, decoder = torch_networks.infogan(image_shape, latent_dim)
    config = models.AEConfig(input_dim=(channels, height, width), latent_dim=latent_dim)
    model = models.AE(config, encoder=_Encoder(encoder), decoder=_Decoder(decoder))
    shape = (_STEPS * _BATCH_SIZE, channels, height, width)
    images = np.random.default_rng(0).random(shape, np.float32)
    folder = tempfile.mkdtemp()

    def run(epochs):
        settings = trainers.BaseTrainerConfig(
            output_dir=folder,
            num_epochs=epochs,
            per_device_train_batch_size=_BATCH_SIZE,
            learning_rate=1e-3,
        )
        trainer = trainers.BaseTrainer(
            model=model,
            train_dataset=_dataset(images),
            training_config=settings,
        )
        trainer.train()

    return worker.Work(run, _STEPS * _BATCH_SIZE, about={"torch": torch.__version__})


def _dataset(images):
    from pythae.data import datasets

    return datasets.BaseDataset(torch.from_numpy(images), torch.zeros(len(images)))


if __name__ == "__main__":
    worker.serve({name: lambda: _train(*_SHAPES[sys.argv[1]]) for name in _SHAPES})
