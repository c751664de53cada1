"""WAE-MMD: the maximum mean discrepancy brings the codes to the prior.

Reference:
    [Tolstikhin et al., 2018](https://arxiv.org/abs/1711.01558), algorithm 2.
"""

from genkeras.models import wae_experiments
from genkeras.models.mmd import imq_mmd, rbf_mmd
from genkeras.models.recipe import Recipe
from genkeras.models.wae import PAPER, WAE

KERNELS = ("imq", "rbf")


class WAEMMD(WAE):
    """Wasserstein autoencoder with an MMD penalty.

    The penalty is the unbiased estimate of MMD² between the codes of a batch and as many
    draws from the prior; it can be negative.

    Reference:
        [Tolstikhin et al., 2018](https://arxiv.org/abs/1711.01558), algorithm 2.

    Args:
        encoder, decoder: As in `WAE`.
        kernel: String. `"imq"`, the sum over seven inverse multiquadratic kernels, or
            `"rbf"`, a Gaussian kernel as wide as the distances of the batch.
        **kwargs: As in `WAE`.
    """

    def __init__(self, encoder, decoder, *, kernel="imq", **kwargs):
        super().__init__(encoder, decoder, **kwargs)
        if kernel not in KERNELS:
            raise ValueError(f"kernel={kernel!r} is unknown; use one of {list(KERNELS)}.")
        self.kernel = kernel

    def latent_penalty(self, posterior_latents, prior_latents):
        """MMD² between codes and draws from the prior."""
        if self.kernel == "rbf":
            return rbf_mmd(posterior_latents, prior_latents)
        return imq_mmd(posterior_latents, prior_latents, self.prior.kernel_scale)


def build(
    image_shape,
    num_classes=None,
    seed=0,
    *,
    kernel,
    optimizer,
    learning_rate,
    beta_1,
    **options,
):
    """Builds a compiled WAE-MMD; defaults are in `RECIPE` below.

    Args:
        image_shape: Tuple `(height, width, channels)`.
        num_classes: Not used; the model is unconditional.
        seed: Integer. Seed of the initial weights and of all noise.
        kernel: String. As in `WAEMMD`.
        optimizer: String. `"adam"` or `"sgd"`.
        learning_rate: Float. The optimizer's.
        beta_1: Float. Adam's decay of the first moment.
        **options: As `wae_experiments.assemble`.
    """
    model = wae_experiments.assemble(WAEMMD, image_shape, seed, kernel=kernel, **options)
    model.compile(wae_experiments.make_optimizer(optimizer, learning_rate, beta_1))
    return model


_CELEBA = {"wae_lambda": 100.0, "learning_rate": 1e-3}

RECIPE = Recipe(
    title="WAE-MMD",
    paper=f"{PAPER}, algorithm 2",
    value_function="min  E[c(x, G(z̃))] + λ · MMD²(Q_z, P_z)",
    build=build,
    networks=lambda options: "WAE's own",
    defaults=wae_experiments.DEFAULTS | {"kernel": "imq"},
    variants=wae_experiments.variants(
        {
            "mnist": {"wae_lambda": 10.0, "learning_rate": 1e-3},
            "mnist_small": {"wae_lambda": 10.0, "learning_rate": 1e-3},
            "celebA": _CELEBA,
            "celebA_small": _CELEBA,
        }
    ),
    epochs_matter=wae_experiments.epochs_matter,
)
