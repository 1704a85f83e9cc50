"""prediction: the network's own numbers, and the logistic function of them."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.special import expit

from nonmass import tables
from nonmass.ensemble import ensemble_logits
from nonmass.network import build_network
from nonmass.prediction import BATCH_SIZE, predict_logits, prediction_rows, seed_rows

pytestmark = pytest.mark.usefixtures("torch_globals")


class MeanGray(torch.nn.Module):
    """Logit = mean gray of the input, which says what reached the network."""

    def forward(self, batch):
        self.largest = max(getattr(self, "largest", 0), len(batch))
        return batch.mean((2, 3))


@pytest.mark.parametrize("n", [1, BATCH_SIZE - 1, BATCH_SIZE, BATCH_SIZE + 1, 2 * BATCH_SIZE + 5])
def test_each_image_gets_its_own_logit_in_order(n):
    images = np.repeat(np.arange(n, dtype=np.uint8), 16).reshape(n, 4, 4)
    before = images.copy()
    network = MeanGray()
    logits = predict_logits(network, images)
    assert logits.dtype == np.float64
    np.testing.assert_allclose(logits, np.arange(n) / 127.5 - 1, atol=1e-6)
    np.testing.assert_array_equal(images, before)
    assert network.largest <= BATCH_SIZE


def test_the_numbers_are_those_of_the_network_called_by_hand(tiny_world):
    torch.manual_seed(1)
    network = build_network("test_resnet")
    torch.nn.init.normal_(network.get_classifier().weight)
    state = {name: value.clone() for name, value in network.eval().state_dict().items()}
    logits = predict_logits(network, tiny_world.images)
    with torch.no_grad():
        by_hand = network(torch.from_numpy(tiny_world.images / 127.5 - 1).float()[:, None])
    np.testing.assert_allclose(logits, by_hand[:, 0].double(), rtol=1e-4, atol=1e-5)
    assert np.ptp(logits) > 0.01
    np.testing.assert_array_equal(predict_logits(network, tiny_world.images), logits)
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize("n", [1, BATCH_SIZE - 1, BATCH_SIZE + 3])
def test_an_images_logit_does_not_depend_on_what_else_is_scored(tiny_world, n):
    torch.manual_seed(2)
    network = build_network("test_resnet", head="default").eval()
    logits = predict_logits(network, tiny_world.images)
    np.testing.assert_array_equal(predict_logits(network, tiny_world.images[:n]), logits[:n])
    np.testing.assert_array_equal(predict_logits(network, tiny_world.images[:n][::-1]), logits[:n][::-1])


def split_of(n):
    return pd.DataFrame(
        {"image_id": [f"i{row:03d}" for row in range(n)], "patient_id": "p", "part": "test", "truth": 1}
    )


@given(arrays.arrays(np.float64, 5, elements=st.floats(-1e4, 1e4)))
def test_the_score_is_the_logistic_function_without_overflow(logits):
    with np.errstate(all="raise", under="ignore"):
        rows = prediction_rows(split_of(5), logits, "0123456789abcdef")
    np.testing.assert_allclose(rows["score"], expit(logits), rtol=1e-14, atol=1e-300)
    assert rows["score"].between(0, 1).all()
    np.testing.assert_array_equal(rows["logit"], logits)
    assert list(tables.PREDICTIONS.check(rows, "here").columns) == list(tables.PREDICTIONS.columns)


def test_logits_keep_the_ranks_that_scores_lose():
    rows = prediction_rows(split_of(3), np.array([40.0, 41.0, -800.0]), "0123456789abcdef")
    assert rows["score"].tolist()[:2] == [1.0, 1.0]
    assert rows["logit"].nunique() == 3


def test_the_split_is_left_alone():
    split = split_of(2)
    before = split.copy(deep=True)
    prediction_rows(split, np.array([0.0, 1.0]), "0123456789abcdef")
    pd.testing.assert_frame_equal(split, before)


def test_the_ensemble_is_the_mean_whatever_the_order_of_its_members():
    rng = np.random.default_rng(1)
    logits = {seed: rng.normal(size=50) * 10**seed for seed in (2, 0, 11)}
    mean = ensemble_logits(logits)
    np.testing.assert_allclose(mean, sum(logits.values()) / 3, rtol=1e-12)
    for order in ((0, 2, 11), (11, 2, 0)):
        np.testing.assert_array_equal(ensemble_logits({seed: logits[seed] for seed in order}), mean)
    np.testing.assert_array_equal(ensemble_logits({7: logits[2]}), logits[2])


def test_rows_of_seeds_keep_whose_logit_it_is():
    rows = tables.SEED_PREDICTIONS.check(seed_rows(["b", "a"], {2: np.array([1.0, 2.0]), 1: np.array([3.0, 4.0])}), "x")
    found = list(rows.itertuples(index=False, name=None))
    assert found == [("a", 1, 4.0), ("a", 2, 2.0), ("b", 1, 3.0), ("b", 2, 1.0)]
