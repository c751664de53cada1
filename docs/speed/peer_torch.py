"""The same networks and updates as genkeras', in PyTorch: what `compare.py` times it beside.

Needs `pip install torch numpy` and prints one line of JSON.
"""

import argparse
import json
import statistics
import time

import torch
import torch.nn.functional as functional
from torch import nn

LATENT_DIM = {"nsgan": 62, "wgan_gp": 62, "vae": 62, "dcgan": 100}
CRITIC_STEPS = 5
ROUNDS = 5


class Reshape(nn.Module):
    def __init__(self, *shape):
        super().__init__()
        self.shape = shape

    def forward(self, x):
        return x.view(-1, *self.shape)


def infogan_generator(width, latent_dim):
    return nn.Sequential(
        nn.Linear(latent_dim, 16 * width, bias=False),
        nn.BatchNorm1d(16 * width),
        nn.ReLU(),
        nn.Linear(16 * width, 98 * width, bias=False),
        nn.BatchNorm1d(98 * width),
        nn.ReLU(),
        Reshape(2 * width, 7, 7),
        nn.ConvTranspose2d(2 * width, width, 4, 2, 1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.ConvTranspose2d(width, 1, 4, 2, 1),
    )


def infogan_discriminator(width, outputs=1, batch_norm=True):
    return nn.Sequential(
        nn.Conv2d(1, width, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(width, 2 * width, 4, 2, 1, bias=not batch_norm),
        nn.BatchNorm2d(2 * width) if batch_norm else nn.Identity(),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(98 * width, 16 * width, bias=not batch_norm),
        nn.BatchNorm1d(16 * width) if batch_norm else nn.Identity(),
        nn.LeakyReLU(0.2),
        nn.Linear(16 * width, outputs),
    )


def dcgan_generator(width, latent_dim):
    layers = [
        nn.Linear(latent_dim, 16 * 8 * width),
        Reshape(8 * width, 4, 4),
        nn.BatchNorm2d(8 * width),
        nn.ReLU(),
    ]
    for multiple in (8, 4, 2):
        inputs, outputs = multiple * width, multiple * width // 2
        layers += [
            nn.ConvTranspose2d(inputs, outputs, 5, 2, 2, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers, nn.ConvTranspose2d(width, 3, 5, 2, 2, 1))


def dcgan_discriminator(width):
    layers = [nn.Conv2d(3, width, 5, 2, 2), nn.LeakyReLU(0.2)]
    for multiple in (1, 2, 4):
        inputs, outputs = multiple * width, 2 * multiple * width
        layers += [
            nn.Conv2d(inputs, outputs, 5, 2, 2, bias=False),
            nn.BatchNorm2d(outputs),
            nn.LeakyReLU(0.2),
        ]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(16 * 8 * width, 1))


def adam(networks, learning_rate):
    parameters = [each for network in networks for each in network.parameters()]
    return torch.optim.Adam(parameters, learning_rate, betas=(0.5, 0.999), fused=True)


def cross_entropy(logits, target):
    return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))


def vae_step(width, batch_size):
    latent_dim = LATENT_DIM["vae"]
    encoder = infogan_discriminator(width, 2 * latent_dim)
    decoder = infogan_generator(width, latent_dim)
    optimizer = adam([encoder, decoder], 1e-3)

    def step(images):
        mean, log_variance = encoder(images).chunk(2, 1)
        latents = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)
        reconstruction = functional.binary_cross_entropy_with_logits(
            decoder(latents), images, reduction="sum"
        )
        divergence = 0.5 * (mean**2 + log_variance.exp() - log_variance - 1).sum(1).mean()
        optimizer.zero_grad()
        (reconstruction / batch_size + divergence).backward()
        optimizer.step()

    return step


def adversarial_step(model, width, batch_size):
    latent_dim = LATENT_DIM[model]
    if model == "dcgan":
        generator, discriminator = dcgan_generator(width, latent_dim), dcgan_discriminator(width)
    else:
        generator = infogan_generator(width, latent_dim)
        discriminator = infogan_discriminator(width, batch_norm=model != "wgan_gp")
    generator_optimizer = adam([generator], 1e-3)
    discriminator_optimizer = adam([discriminator], 2e-4)

    def fakes():
        return torch.tanh(generator(torch.rand(batch_size, latent_dim) * 2 - 1))

    def update(optimizer, loss):
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    def non_saturating(images):
        with torch.no_grad():
            fake = fakes()
        real_loss = cross_entropy(discriminator(images), 1.0)
        update(discriminator_optimizer, real_loss + cross_entropy(discriminator(fake), 0.0))
        update(generator_optimizer, cross_entropy(discriminator(fakes()), 1.0))

    def gradient_penalty(images):
        for real in images.chunk(CRITIC_STEPS):
            with torch.no_grad():
                fake = fakes()
            share = torch.rand(batch_size, 1, 1, 1)
            mixed = (share * real + (1 - share) * fake).requires_grad_()
            (gradient,) = torch.autograd.grad(discriminator(mixed).sum(), mixed, create_graph=True)
            norm = (gradient.flatten(1).pow(2).sum(1) + 1e-10).sqrt()
            distance = discriminator(real).mean() - discriminator(fake).mean()
            update(discriminator_optimizer, 10 * (norm - 1).pow(2).mean() - distance)
        update(generator_optimizer, -discriminator(fakes()).mean())

    return gradient_penalty if model == "wgan_gp" else non_saturating


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", choices=list(LATENT_DIM), default="nsgan")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=40)
    args = parser.parse_args()
    torch.manual_seed(0)
    if args.model == "vae":
        step = vae_step(args.width, args.batch_size)
    else:
        step = adversarial_step(args.model, args.width, args.batch_size)
    shape = (3, 64, 64) if args.model == "dcgan" else (1, 28, 28)
    updates = CRITIC_STEPS if args.model == "wgan_gp" else 1
    images = torch.rand(args.batch_size * updates, *shape)
    for _ in range(5):
        step(images)
    rates = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(args.steps):
            step(images)
        rates.append(args.steps * len(images) / (time.perf_counter() - start))
    numbers = {"images_per_second": statistics.median(rates), "images_per_second_best": max(rates)}
    print(json.dumps({"version": torch.__version__} | numbers))


if __name__ == "__main__":
    main()
