"""augment: what is drawn depends on the image alone, and what is done to it is known."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, stats
from torchvision.transforms.v2 import functional as reference

from nonmass.augment import SPECKLE_GRAIN, AugmentParams, Draws, augment, draw
from nonmass.errors import InputError
from nonmass.params import validate

OFF = {"mirror": 0.0, "shift": 0.0, "scale": 0.0, "rotation_deg": 0.0, "gain": 0.0, "gamma": 0.0, "speckle": 0.0}
ALL = {"mirror": 0.5, "shift": 0.1, "scale": 0.2, "rotation_deg": 10.0, "gain": 0.3, "gamma": 0.3, "speckle": 0.2}
SIDE = 32
IDS = [f"image{number}" for number in range(6)]


def only(**changes):
    return AugmentParams(**{**OFF, **changes})


def noise(n_images=6, side=SIDE, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (n_images, 1, side, side), np.uint8))


def smooth(n_images=6, side=SIDE):
    """Images without sharp edges, on which two ways of interpolation agree."""
    blurred = ndimage.gaussian_filter(noise(n_images, side).numpy().astype(float), (0, 0, 3, 3))
    return torch.from_numpy((blurred * 1.5 % 256).astype(np.uint8))


def changed(images, params, ids=IDS, seed=1, epoch=0):
    return augment(images, draw(params, images.shape[-1], seed, epoch, ids), params)


def placed(*rows):
    """Draws that move and do nothing else."""
    n_images = len(rows)
    return Draws(
        torch.zeros(n_images, dtype=torch.bool),
        torch.tensor(rows, dtype=torch.float32),
        torch.arange(256.0).expand(n_images, 256),
        torch.zeros(n_images, 2, dtype=torch.int64),
    )


def test_all_off_gives_the_very_images():
    images = noise()
    assert only().is_off
    assert changed(images, only()) is images


@pytest.mark.parametrize("name", OFF)
def test_each_param_alone_changes_something_and_leaves_its_input(name):
    images = noise()
    before = images.clone()
    params = only(**{name: ALL[name]})
    assert not params.is_off
    after = changed(images, params).float()
    assert not torch.equal(after, before.float())
    assert torch.equal(images, before)
    assert after.shape == before.shape


@given(
    st.fixed_dictionaries({name: st.sampled_from([0.0, ALL[name]]) for name in OFF}),
    st.permutations(range(len(IDS))),
    st.integers(1, len(IDS)),
    st.integers(0, 5),
)
@settings(deadline=None, max_examples=40)
def test_an_image_is_changed_alike_in_every_batch(values, order, n_images, epoch):
    params, images, some = AugmentParams(**values), noise(), list(order)[:n_images]
    together = changed(images, params, epoch=epoch)
    apart = changed(images[some], params, [IDS[row] for row in some], epoch=epoch)
    assert torch.equal(together[some], apart)


def test_seeds_epochs_and_images_have_draws_of_their_own():
    params = AugmentParams(**ALL)
    one = noise(1)
    results = [
        changed(one, params, [image_id], seed, epoch).numpy().tobytes()
        for image_id in IDS[:3]
        for seed in range(3)
        for epoch in range(3)
    ]
    assert len(set(results)) == 27


def test_global_generators_are_left_alone_and_ignored():
    params, images = AugmentParams(**ALL), noise()
    before = torch.get_rng_state()
    first = changed(images, params)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(3)
    assert torch.equal(changed(images, params), first)


@given(st.integers(0, 50), st.fixed_dictionaries({name: st.floats(0, ALL[name]) for name in OFF}))
@settings(deadline=None, max_examples=40)
def test_values_stay_in_range(epoch, values):
    after = changed(noise(), AugmentParams(**values), epoch=epoch)
    assert 0 <= after.min() <= after.max() <= 255


def test_black_stays_black():
    assert changed(torch.zeros(6, 1, SIDE, SIDE, dtype=torch.uint8), AugmentParams(**ALL)).abs().max() == 0
    padded = noise()
    padded[..., SIDE // 2 :, :] = 0
    for still in (only(gain=0.5), only(gamma=0.5), only(speckle=0.5), only(mirror=1.0)):
        assert changed(padded, still)[..., SIDE // 2 :, :].float().abs().max() == 0


def test_a_mirror_is_exact_and_undoes_itself():
    images = noise()
    once = changed(images, only(mirror=1.0))
    assert once.dtype == torch.uint8
    np.testing.assert_array_equal(once.numpy(), images.numpy()[..., ::-1])
    assert torch.equal(changed(once, only(mirror=1.0)), images)


def test_images_are_mirrored_as_often_as_asked():
    ids = [str(number) for number in range(4000)]
    n_mirrored = int(draw(only(mirror=0.25), SIDE, 1, 0, ids).mirrored.sum())
    assert stats.binomtest(n_mirrored, 4000, 0.25).pvalue > 0.001


def test_a_mirror_among_other_moves_is_the_same_mirror():
    images = noise()
    moved = augment(images, placed(*[[[-1, 0, 0], [0, 1, 0]]] * 6), only(shift=0.1))
    np.testing.assert_allclose(moved.numpy(), images.numpy()[..., ::-1], atol=1e-3)


@given(st.integers(-5, 5), st.integers(-5, 5))
@settings(deadline=None, max_examples=20)
def test_a_shift_by_whole_pixels_moves_them(right, down):
    images = noise(1)
    # The source of a pixel lies to its left where the image moves to the right; 2 / side a pixel.
    draws = placed([[1, 0, -2 * right / SIDE], [0, 1, -2 * down / SIDE]])
    expected = ndimage.shift(images[0, 0].numpy(), (down, right), order=0)
    np.testing.assert_allclose(augment(images, draws, only(shift=0.5))[0, 0].numpy(), expected, atol=1e-3)


@pytest.mark.parametrize(("rotation_deg", "scale"), [(20.0, 0.0), (0.0, 0.5), (10.0, 0.2)])
def test_turns_and_sizes_are_those_of_torchvision(monkeypatch, rotation_deg, scale):
    """The extreme draw of each, against another library's own geometry."""

    class Highest:
        def random(self, number):
            return np.ones(number)

    monkeypatch.setattr("nonmass.augment.generator", lambda *_: Highest())
    images = smooth()
    # torchvision says what becomes of the image, we where its pixels come from: the inverse.
    expected = reference.affine(
        images.float(), -rotation_deg, [0, 0], 1 / (1 + scale), [0, 0], reference.InterpolationMode.BILINEAR
    )
    found = changed(images, only(rotation_deg=rotation_deg, scale=scale))
    assert (found - images).abs().max() > 50
    np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=0.05)


def test_shift_scale_and_rotation_stay_within_their_limits():
    params = only(shift=0.1, scale=0.25, rotation_deg=15.0)
    matrix = draw(params, SIDE, 1, 0, [str(number) for number in range(3000)]).placement.double().numpy()
    factor = np.sqrt(np.abs(np.linalg.det(matrix[:, :, :2])))
    angle = np.rad2deg(np.arctan2(-matrix[:, 0, 1], matrix[:, 1, 1]))
    for values, low, high in ((matrix[:, :, 2] / 2, -0.1, 0.1), (factor, 0.8, 1.25), (angle, -15, 15)):
        assert low - 1e-6 <= values.min() < low + 0.02 * (high - low)
        assert high - 0.02 * (high - low) < values.max() <= high + 1e-6


def test_gain_and_gamma_are_the_formula_on_every_gray_value():
    params = only(gain=0.5, gamma=0.5)
    images = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(6, 1, 16, 16)
    after = changed(images, params).double().numpy().reshape(6, 256) / 255
    gray = np.arange(256) / 255
    for curve in after:
        free = (curve > 0) & (curve < 0.999)
        power, log_factor = np.polyfit(np.log(gray[free]), np.log(curve[free]), 1)
        np.testing.assert_allclose(curve, np.minimum(np.exp(log_factor) * gray**power, 1), atol=1e-5)
        assert abs(power) <= np.exp(0.5) and abs(log_factor) <= np.log(1.5) + 1e-6
    assert np.ptp(after[:, 100]) > 0.1


def test_speckle_has_the_law_of_many_scatterers():
    """Fully developed: its factor is a Rayleigh variable over its mean, whose deviation is 0.523."""
    side, deviation = 128, float(np.sqrt(4 / np.pi - 1))
    images = torch.full((8, 1, side, side), 80, dtype=torch.uint8)
    ids = [f"image{number}" for number in range(8)]
    factor = changed(images, only(speckle=deviation), ids).numpy() / 80
    assert abs(factor.mean() - 1) < 0.02
    assert abs(factor.std() - deviation) < 0.02
    far_apart = factor[:, 0, ::8, ::8].ravel()  # grains are about a pixel wide
    assert stats.kstest(far_apart, "rayleigh", args=(0, np.sqrt(2 / np.pi))).pvalue > 0.001


def test_speckle_has_grains_wider_than_tall():
    side = 250
    images = torch.full((4, 1, side, side), 80, dtype=torch.uint8)
    factor = changed(images, only(speckle=0.3), IDS[:4]).numpy()[:, 0] / 80 - 1
    down = np.mean(factor[:, 1:] * factor[:, :-1]) / factor.var()
    across = np.mean(factor[:, :, 1:] * factor[:, :, :-1]) / factor.var()
    # Of a blurred complex field the amplitude is correlated about as the square of the field is.
    for found, spread in ((down, SPECKLE_GRAIN[0] * side), (across, SPECKLE_GRAIN[1] * side)):
        assert abs(found - np.exp(-1 / (4 * spread**2)) ** 2) < 0.06
    assert across > down + 0.1


def test_other_types_than_gray_values_are_refused():
    with pytest.raises(TypeError, match="uint8"):
        augment(torch.zeros(6, 1, SIDE, SIDE), draw(only(gain=0.1), SIDE, 1, 0, IDS), only(gain=0.1))


def test_a_param_more_leaves_the_draws_of_the_others():
    few, more = draw(only(shift=0.1), SIDE, 1, 0, IDS), draw(only(shift=0.1, gain=0.1, speckle=0.1), SIDE, 1, 0, IDS)
    assert torch.equal(few.placement, more.placement)


@pytest.mark.parametrize(("name", "value"), [("mirror", 1.1), ("shift", 0.6), ("rotation_deg", -1.0), ("gain", 2.0)])
def test_impossible_params_are_named(name, value):
    with pytest.raises(InputError, match=rf"augment\.{name}: "):
        validate({**OFF, name: value}, AugmentParams, "augment")


@pytest.mark.parametrize("name", OFF)
def test_no_param_has_a_default(name):
    with pytest.raises(InputError, match=rf"augment\.{name}: required key is missing"):
        validate({key: value for key, value in OFF.items() if key != name}, AugmentParams, "augment")
