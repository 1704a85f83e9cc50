import json

import numpy as np
import pandas as pd
import pytest

from nonmass import tables
from nonmass.errors import InputError
from nonmass.images import read_gray, write_png
from nonmass.tables import HEAT_MAPS, MEASURES

pytestmark = pytest.mark.usefixtures("torch_globals")

SIDE = 64
ARCHITECTURES = {"first": "test_resnet", "second": "test_convnext"}
SEAL = {"assignment": "0123456789abcdef", "disjoint": 1, "unit": "patient"}
PARAMS = {
    "backbones": list(ARCHITECTURES),
    "explain": {"gallery_images": 1, "randomised_images": 3, "perturbed_images": 2},
    "train": {"seeds": [1]},
}


def images():
    """Eight test and external images of four patients, and one of validation; every second one shows a lesion."""
    rows = [("val", 0, "p4")] + [("test" if n < 4 else "external", n % 2, f"p{n // 2}") for n in range(8)]
    frame = pd.DataFrame(rows, columns=["part", "truth", "patient_id"])
    frame["image_id"] = [f"tiny-{n}" for n in range(len(frame))]
    frame["logit"] = np.linspace(1.0, -1.0, len(frame))
    return frame.assign(score=1 / (1 + np.exp(-frame["logit"])), assignment=SEAL["assignment"])


def write_world(folder):
    """Screens of 2 * SIDE pixels, whose left upper quarter is the field of view and needs no scaling."""
    frame = images()
    rng = np.random.default_rng(1)
    mask = np.zeros((2 * SIDE, 2 * SIDE), np.uint8)
    mask[10:26, 20:52] = 255
    write_png(folder / "raw/mask.png", mask)
    for image_id in frame["image_id"]:
        write_png(folder / "images" / f"{image_id}.png", rng.integers(0, 256, (SIDE, SIDE), dtype=np.uint8))
    screens = {
        "cohort": "tiny",
        "path": "x.png",
        "frame": 0,
        "us_regions": "",
        "finding": "mass",
        "pathology": "benign",
        "device": "",
        "excluded": "",
    }
    masks = np.where(frame["truth"] == 1, "mask.png", "")
    manifest = frame[["image_id", "patient_id"]].assign(
        patient_group=frame["patient_id"], **screens, width_px=2 * SIDE, height_px=2 * SIDE, mask_path=masks, mask_id=""
    )
    tables.MANIFEST.write(manifest, folder / "manifest.csv")
    view = {"x0_px": 0, "y0_px": 0, "x1_px": SIDE, "y1_px": SIDE}
    square = {"side_px": SIDE, "square": "pad_br", "resampling": "none", "overlays": "keep", "masked_lines": 0}
    tables.CROPS.write(frame[["image_id"]].assign(**square), folder / "crops.csv")
    found = dict.fromkeys(tables.FOV_INDEX.columns, "") | {"confidence": 1.0, "accepted": 1, **view}
    tables.FOV_INDEX.write(pd.DataFrame({**found, "image_id": frame["image_id"]}), folder / "fov.csv")
    tables.MARKS.write(pd.DataFrame(columns=list(tables.MARKS.columns)), folder / "marks.csv")
    (folder / "metrics.json").write_text(json.dumps({"certificate": SEAL}))
    for backbone in ARCHITECTURES:
        tables.PREDICTIONS.write(frame, folder / "predictions" / f"{backbone}.csv")


def write_measures(folder, first_auc="0.8", second_auc="0.7"):
    rows = [(backbone, "val", "", "auc", auc) for backbone, auc in (("first", first_auc), ("second", second_auc))]
    rows += [(backbone, "test", "frozen", "cutoff", "0.5") for backbone in ARCHITECTURES]
    columns = ["backbone", "part", "group", "measure", "estimate"]
    MEASURES.write(pd.DataFrame(rows, columns=columns).assign(lo="", hi="", note=""), folder / "measures.csv")


def write_models(folder, seed=1):
    import timm
    import torch

    from nonmass.network import save_weights

    torch.manual_seed(seed)
    for backbone, architecture in ARCHITECTURES.items():
        network = timm.create_model(architecture, pretrained=False, in_chans=1, num_classes=1)
        place = folder / "models" / backbone / str(seed)
        save_weights(network.state_dict(), place / "model.safetensors")
        (place / "model.json").write_text(json.dumps({"timm": architecture}))


@pytest.fixture
def explain(tmp_path, run_stage):
    """Runs the stage on the tiny world; returns what it says of itself and the folder of gallery and tables."""
    write_world(tmp_path)
    write_measures(tmp_path)
    write_models(tmp_path)
    inputs = (
        "measures.csv",
        "metrics.json",
        "models",
        "predictions",
        "manifest.csv",
        "fov.csv",
        "crops.csv",
        "marks.csv",
        "raw",
        "images",
    )

    def run(out="out", seeds=(1,)):
        outputs = (tmp_path / out / "gallery", tmp_path / out / "checks")
        run_stage(
            "explain", *(tmp_path / name for name in inputs), *outputs, params={**PARAMS, "train": {"seeds": [*seeds]}}
        )
        return json.loads((outputs[1] / "about.json").read_text()), tmp_path / out

    return run


@pytest.mark.parametrize("best", ARCHITECTURES)
def test_explains_the_best_backbone(explain, tmp_path, best):
    write_measures(tmp_path, second_auc="0.9" if best == "second" else "0.7")
    about, _ = explain()
    assert about == {
        "backbone": best,
        "doubtful_crops": 0,
        "not_perturbed": {"lesion": 0, "marks": 0},
        "certificate": SEAL,
    }


def test_every_image_with_a_lesion_is_measured_with_three_maps(explain):
    _, folder = explain()
    matches = tables.LESION_MATCHES.read(folder / "checks/lesions.csv")
    assert matches.groupby("image_id")["map"].apply(list).to_dict() == {
        f"tiny-{n}": ["centre", "gradcam", "random"] for n in (2, 4, 6, 8)
    }
    assert matches["lesion_share"].unique().tolist() == [16 * 32 / SIDE**2]
    own, random = (matches[matches["map"] == name].set_index("image_id") for name in ("gradcam", "random"))
    assert (own["energy_in_lesion"] != random["energy_in_lesion"]).any()
    assert own["outcome"].tolist() == ["TP", "FN", "", ""]


def test_checks_are_made_on_samples_of_the_size_that_params_say(explain):
    _, folder = explain()
    randomised = tables.RANDOMISED.read(folder / "checks/randomised.csv")
    assert randomised["image_id"].nunique() == 3
    assert (randomised.groupby("image_id")["share"].max() == 1).all()
    perturbed = tables.PERTURBED.read(folder / "checks/perturbed.csv")
    assert perturbed["image_id"].tolist() == ["tiny-2", "tiny-4", "tiny-6", "tiny-8"]
    assert (perturbed[["drop", "drop_elsewhere"]] != 0).all(axis=None)


def test_gallery_holds_the_surest_image_of_each_outcome(explain):
    folder = explain()[1] / "gallery"
    index = HEAT_MAPS.read(folder / "index.csv")
    # Logits fall by 0.25 from 0.75; the test part is cut at 0.5, the external one has no cut-off.
    assert index["image_id"].tolist() == ["tiny-1", "tiny-2", "tiny-3", "tiny-4", "tiny-7", "tiny-8"]
    assert index["outcome"].tolist() == ["FP", "TP", "TN", "FN", "", ""]
    assert index["explained"].tolist() == ["positive"] * 2 + ["negative"] * 4
    assert index["margin"].tolist() == [0.25, 0.0, 0.25, 0.5, 0.75, 1.0]
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [*index["file"], *index["screen_file"], "index.csv"]
    )


def test_maps_lie_on_the_screens_pixels_and_show_nothing_of_the_screen(explain):
    folder = explain()[1] / "gallery"
    index = HEAT_MAPS.read(folder / "index.csv")
    maps = [read_gray(folder / name) for name in index["screen_file"]]
    assert {heat.shape for heat in maps} == {(2 * SIDE, 2 * SIDE)}
    assert not any(heat[SIDE:].any() or heat[:, SIDE:].any() for heat in maps)
    assert any(heat.any() for heat in maps)
    assert index["scale_top"].nunique() == 1 and index["scale_top"].iloc[0] > 0


def test_a_doubtful_crop_counts_in_the_numbers_and_is_in_no_picture(explain, tmp_path):
    index = tables.FOV_INDEX.read(tmp_path / "fov.csv")
    index.loc[index["image_id"].isin(["tiny-1", "tiny-8"]), "accepted"] = 0
    tables.FOV_INDEX.write(index, tmp_path / "fov.csv")
    about, folder = explain()
    assert about["doubtful_crops"] == 2
    assert "tiny-8" in tables.LESION_MATCHES.read(folder / "checks/lesions.csv")["image_id"].tolist()
    pictures = [path.name for path in (folder / "gallery").iterdir()]
    assert not [name for name in pictures if name.startswith(("tiny-1", "tiny-8"))]
    assert HEAT_MAPS.read(folder / "gallery/index.csv")["image_id"].tolist() == [
        "tiny-2",
        "tiny-3",
        "tiny-4",
        "tiny-6",
        "tiny-7",
    ]


def test_same_input_gives_the_same_bytes(explain):
    _, first = explain("first")
    _, second = explain("second")
    files = sorted(first.rglob("*.*"))
    assert len(files) == 13 + 4
    for one in files:
        assert one.read_bytes() == (second / one.relative_to(first)).read_bytes(), one.name


def test_seeds_are_explained_together(explain, tmp_path):
    write_models(tmp_path, seed=2)
    texts = [(explain(f"out{seeds}", seeds)[1] / "checks/lesions.csv").read_text() for seeds in ((1,), (2,), (1, 2))]
    assert len(set(texts)) == 3
    assert (explain("turned", (2, 1))[1] / "checks/lesions.csv").read_text() == texts[2]


def test_a_split_that_is_not_disjoint_is_shouted(explain, tmp_path):
    (tmp_path / "metrics.json").write_text(json.dumps({"certificate": {**SEAL, "disjoint": 0, "unit": "image"}}))
    assert explain()[0]["NOT_DISJOINT"] == 1


def test_predictions_of_another_split_are_one_clear_line(explain, tmp_path):
    (tmp_path / "metrics.json").write_text(json.dumps({"certificate": {**SEAL, "assignment": "fedcba9876543210"}}))
    with pytest.raises(InputError, match=r"first.csv: stale predictions: .* predict again"):
        explain()


def test_missing_model_is_one_clear_line(explain, tmp_path):
    (tmp_path / "models/first/1/model.json").unlink()
    with pytest.raises(InputError, match=r"models/first/1/model.json: not readable.*run the train stage first"):
        explain()


def test_network_without_a_feature_map_is_one_clear_line(explain, tmp_path):
    import timm

    from nonmass.network import save_weights

    network = timm.create_model("test_vit", pretrained=False, in_chans=1, num_classes=1)
    save_weights(network.state_dict(), tmp_path / "models/first/1/model.safetensors")
    (tmp_path / "models/first/1/model.json").write_text(json.dumps({"timm": "test_vit"}))
    for path in (tmp_path / "images").iterdir():
        write_png(path, np.zeros((160, 160), np.uint8))
    with pytest.raises(InputError, match=r"VisionTransformer.*Grad-CAM needs"):
        explain()
