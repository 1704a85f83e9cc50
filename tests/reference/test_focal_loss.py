"""The loss that training minimises, against the formula of Lin et al. 2017 in float64."""

import numpy as np
import pytest
import torch
from scipy.special import expit, log_expit
from sklearn.metrics import log_loss

from nonmass.errors import InputError
from nonmass.params import validate
from nonmass.recipe import TrainParams, focal_losses

LOGITS = np.concatenate([np.linspace(-8, 8, 33), [-80.0, -20.0, 20.0, 80.0]])
RECIPE = {
    **{"seeds": (1,), "epochs": 1, "early_stopping_epochs": 1, "batch_size": 2, "lr": 0.1},
    **{"warmup_epochs": 0, "schedule": "plateau", "weight_decay": 0.0, "weight_averaging": 0.0},
    **{"kept_epoch": "lowest_loss", "head": "zero", "dropout": 0.0},
}


def losses_in_use(logits, truth, alpha, gamma):
    return focal_losses(logits, truth, TrainParams(**RECIPE, focal_alpha=alpha, focal_gamma=gamma))


def focal_loss(logits, truth, alpha, gamma):
    """FL(p_t) = -alpha_t (1 - p_t)^gamma log(p_t), equation 5 of the paper."""
    signed = np.where(truth == 1, logits, -logits)
    alpha_t = np.where(truth == 1, alpha, 1 - alpha)
    return -alpha_t * expit(-signed) ** gamma * log_expit(signed)


@pytest.mark.parametrize("truth", [0.0, 1.0])
@pytest.mark.parametrize("gamma", [0.0, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("alpha", [0.25, 0.5, 0.9])
def test_the_loss_is_the_papers(alpha, gamma, truth):
    truths = np.full_like(LOGITS, truth)
    ours = losses_in_use(
        torch.tensor(LOGITS, dtype=torch.float32), torch.tensor(truths, dtype=torch.float32), alpha, gamma
    )
    np.testing.assert_allclose(ours, focal_loss(LOGITS, truths, alpha, gamma), rtol=2e-5, atol=1e-6)


def test_gamma_0_is_cross_entropy():
    rng = np.random.default_rng(1)
    logits, truth = rng.normal(size=200), (rng.random(200) < 0.5).astype(float)
    ours = losses_in_use(torch.tensor(logits), torch.tensor(truth, dtype=torch.float32), 0.5, 0.0)
    assert 2 * ours.mean().item() == pytest.approx(log_loss(truth, expit(logits)), rel=1e-6)


def test_logits_of_half_precision_are_summed_in_full():
    logits = torch.tensor([[1.5], [-0.25]], dtype=torch.bfloat16)
    assert losses_in_use(logits, torch.tensor([[1.0], [0.0]]), 0.5, 2.0).dtype == torch.float32


@pytest.mark.parametrize("gamma", [0.0, 1.0, 1.5, 2.0])
@pytest.mark.parametrize("truth", [0.0, 1.0])
def test_every_allowed_gamma_has_a_finite_slope_at_certain_images(gamma, truth):
    logits = torch.tensor([-100.0, -17.5, 0.0, 17.5, 100.0], requires_grad=True)
    losses_in_use(logits, torch.full((5,), truth), 0.5, gamma).sum().backward()
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("gamma", [0.5, 0.999, -1.0, 10.5])
def test_other_gammas_are_refused(gamma):
    with pytest.raises(InputError, match=r"train\.focal_gamma: "):
        validate({**RECIPE, "seeds": [1], "focal_alpha": 0.5, "focal_gamma": gamma}, TrainParams, "train")
