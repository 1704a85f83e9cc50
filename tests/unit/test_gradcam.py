import numpy as np
import pytest
import timm
import torch
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.image import scale_cam_image

from nonmass.batches import to_input
from nonmass.errors import InputError
from nonmass.gradcam import ensemble_maps, gradcam_maps

SIDE = 64

pytestmark = pytest.mark.usefixtures("torch_globals")


class Toy(torch.nn.Module):
    """Features are brightness and darkness of cells of 8 x 8 pixels; logit = 3 * bright - dark + 0.5, of the means."""

    num_features = 2

    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(2, 1)
        self.head.weight.data = torch.tensor([[3.0, -1.0]])
        self.head.bias.data = torch.tensor([0.5])

    def forward_features(self, images):
        cells = torch.nn.functional.avg_pool2d(images, 8)
        return torch.cat([1 + cells, 1 - cells], dim=1)

    def forward_head(self, features):
        return self.head(features.mean(dim=(2, 3)))

    def forward(self, images):
        return self.forward_head(self.forward_features(images))


def noise(n, side=SIDE):
    return np.random.default_rng(1).integers(0, 256, (n, side, side), dtype=np.uint8)


def trained_like(architecture):
    """A network whose head is not zero, as it would be after training."""
    torch.manual_seed(1)
    network = timm.create_model(architecture, pretrained=False, in_chans=1, num_classes=1).eval()
    torch.nn.init.normal_(network.get_classifier().weight)
    torch.nn.init.constant_(network.get_classifier().bias, 0.25)
    return network


def both_maps(network, images):
    n = len(images)
    return [gradcam_maps(network, images, np.full(n, is_positive)).astype(np.float64) for is_positive in (True, False)]


def test_map_is_the_one_the_formula_gives():
    images = noise(3)
    bright = to_input(images).reshape(3, 8, 8, 8, 8).mean(dim=(2, 4)).numpy()
    evidence = (3 * (1 + bright) - (1 - bright)) / 64
    positive, negative = both_maps(Toy(), images)
    np.testing.assert_allclose(positive, np.maximum(evidence, 0), atol=1e-6)
    np.testing.assert_allclose(negative, np.maximum(-evidence, 0), atol=1e-6)


def test_maximum_lies_in_the_bright_square_and_for_the_other_class_in_the_dark_one():
    images = np.full((1, SIDE, SIDE), 64, np.uint8)
    images[0, 40:48, 8:16] = 255
    images[0, 16:24, 48:56] = 0
    positive, negative = both_maps(Toy(), images)
    assert np.unravel_index(positive[0].argmax(), (8, 8)) == (5, 1)
    assert np.unravel_index(negative[0].argmax(), (8, 8)) == (2, 6)


@pytest.mark.parametrize("architecture", ["mobilenetv1_100", "densenet121", "mobilenetv2_035", "test_resnet"])
def test_evidence_sums_to_the_logit_without_its_bias(architecture):
    # True of Grad-CAM before clipping wherever a linear layer follows average pooling.
    network, images = trained_like(architecture), noise(3, 96)
    positive, negative = both_maps(network, images)
    with torch.no_grad():
        logits = network(to_input(images)).squeeze(1).numpy()
    assert positive.shape == (3, 3, 3)
    np.testing.assert_allclose((positive - negative).sum(axis=(1, 2)), logits - 0.25, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("architecture", "layer"),
    [
        ("mobilenetv1_100", "blocks"),
        ("mobilenetv2_035", "bn2"),
        ("mobilenetv3_small_050", "blocks"),
        ("mobilenetv4_conv_small_035", "blocks"),
        ("densenet121", "features.norm5"),
        ("resnet10t", "layer4"),
        ("convnext_atto", "stages"),
    ],
)
def test_map_scaled_is_the_packages_own_at_the_layer_known_by_name(architecture, layer):
    network, images = trained_like(architecture), noise(2, 96)
    with GradCAM(network, [network.get_submodule(layer)]) as camera:
        expected = camera(to_input(images), [torch.sum] * 2)
    ours = scale_cam_image(scale_cam_image(both_maps(network, images)[0], (96, 96)))
    np.testing.assert_allclose(ours, expected, atol=1e-4)


def test_an_ensemble_s_map_is_the_mean_of_its_members_maps():
    images, call = noise(2), np.array([True, False])
    networks = {seed: trained_like("test_resnet") for seed in (3, 1)}
    torch.nn.init.normal_(networks[3].get_classifier().weight)
    one, three = (gradcam_maps(networks[seed], images, call) for seed in (1, 3))
    maps = ensemble_maps(networks, images, call)
    assert maps.dtype == np.float32
    assert not np.allclose(one, three)
    np.testing.assert_allclose(maps, (one + three) / 2, rtol=1e-6)
    np.testing.assert_array_equal(ensemble_maps({1: networks[1]}, images, call), one)


def test_maps_do_not_depend_on_the_batch():
    network, images = trained_like("test_resnet"), noise(35)
    together = both_maps(network, images)[0]
    alone = np.concatenate([both_maps(network, images[row : row + 1])[0] for row in (0, 31, 32, 34)])
    np.testing.assert_allclose(together[[0, 31, 32, 34]], alone, rtol=1e-4, atol=1e-6)


def test_network_and_global_generator_are_left_as_they_were():
    network = trained_like("test_resnet")
    state = torch.random.get_rng_state()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    both_maps(network, noise(2))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())


class ChannelsLast(Toy):
    def forward_features(self, images):
        return super().forward_features(images).permute(0, 2, 3, 1)


@pytest.mark.parametrize(
    "network",
    [torch.nn.Flatten(), ChannelsLast(), timm.create_model("test_vit", in_chans=1, num_classes=1, img_size=64)],
)
def test_network_without_a_feature_map_is_refused(network):
    with pytest.raises(InputError, match="Grad-CAM needs"):
        gradcam_maps(network, noise(1), np.array([True]))


def test_single_cell_is_refused():
    with pytest.raises(InputError, match=r"32 px.*larger crop.side_px"):
        gradcam_maps(trained_like("test_resnet"), noise(1, 32), np.array([True]))


class Broken(Toy):
    def forward_head(self, features):
        raise IndexError("as a defect would")


def test_an_index_error_is_not_swallowed():
    with pytest.raises(IndexError, match="as a defect would"):
        gradcam_maps(Broken(), noise(1), np.array([True]))
