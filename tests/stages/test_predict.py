"""stages/predict.py with a network whose numbers are known."""

import json

import numpy as np
import pytest
import torch
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from nonmass import tables
from nonmass.assignment import assignment_hash
from nonmass.errors import InputError
from nonmass.network import build_network, save_weights

pytestmark = pytest.mark.usefixtures("torch_globals")

PARAMS = {"runtime": {"threads": 1, "deterministic": True, "precision": 32}, "train": {"seeds": [1]}}


@pytest.fixture
def network():
    torch.manual_seed(4)
    network = build_network("test_resnet")
    torch.nn.init.normal_(network.get_classifier().weight)
    return network.eval()


@pytest.fixture
def model_dir(tmp_path, network):
    return write_model(tmp_path / "model" / "1", network)


def write_model(folder, network):
    save_weights(network.state_dict(), folder / "model.safetensors")
    (folder / "model.json").write_text(json.dumps({"timm": "test_resnet", "side_px": 32}))
    return folder


@pytest.fixture
def predict(run_stage, tiny_world, tmp_path, model_dir):
    def run(name="predictions.csv", seeds=(1,)):
        paths = (
            model_dir.parent,
            tiny_world.split_csv,
            tiny_world.images_dir,
            tmp_path / name,
            tmp_path / "seeds" / name,
        )
        run_stage("predict", *paths, params={**PARAMS, "train": {"seeds": list(seeds)}})
        return tmp_path / name

    return run


def test_every_image_but_those_of_training_is_scored(predict, tiny_world, network):
    path = predict()
    rows = tables.PREDICTIONS.read(path)
    assert rows["part"].value_counts().to_dict() == {"val": 16, "test": 8, "external": 4}
    chosen = (tiny_world.split["part"] != "train").to_numpy()
    expected = tiny_world.split[chosen].reset_index(drop=True)
    for column in tables.SPLIT.columns:
        assert rows[column].tolist() == expected[column].tolist()
    with torch.no_grad():
        logits = network(torch.from_numpy(tiny_world.images[chosen] / 127.5 - 1).float()[:, None])
    np.testing.assert_allclose(rows["logit"], logits[:, 0].double(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(rows["score"], expit(rows["logit"]), rtol=1e-15)
    assert rows["logit"].nunique() > 20
    assert set(rows["assignment"]) == {assignment_hash(tiny_world.split)}
    assert predict("again.csv").read_bytes() == path.read_bytes()


def test_the_train_stages_own_model_gives_the_auc_it_recorded(run_stage, tiny_world, tmp_path):
    params = {
        **PARAMS,
        "networks": {"tiny": {"timm": "test_resnet", "weights": "none"}},
        "train": {"seeds": [1], "epochs": 3, "batch_size": 8},
    }
    paths = (tiny_world.split_csv, tiny_world.images_dir)
    run_stage("train", "classify", "tiny", 1, *paths, tmp_path / "trained" / "1", params=params)
    run_stage("predict", tmp_path / "trained", *paths, tmp_path / "trained.csv", tmp_path / "seeds.csv", params=params)
    rows = tables.PREDICTIONS.read(tmp_path / "trained.csv").query("part == 'val'")
    record = json.loads((tmp_path / "trained" / "1" / "model.json").read_text())
    assert 0 < record["val_auc"] <= 1
    assert roc_auc_score(rows["truth"], rows["logit"]) == pytest.approx(record["val_auc"], abs=1e-6)


def test_one_seed_is_its_own_ensemble(predict, tmp_path):
    rows = tables.PREDICTIONS.read(predict())
    members = tables.SEED_PREDICTIONS.read(tmp_path / "seeds" / "predictions.csv")
    assert members["image_id"].tolist() == rows["image_id"].tolist()
    assert members["logit"].tolist() == rows["logit"].tolist()
    assert set(members["seed"]) == {1}


def test_seeds_are_averaged_and_only_those_of_params(predict, model_dir, network, tmp_path):
    alone = {1: tables.PREDICTIONS.read(predict("one.csv"))["logit"]}
    for seed in (2, 10, 99):
        torch.nn.init.normal_(network.get_classifier().weight)
        write_model(model_dir.parent / str(seed), network)
        alone[seed] = tables.PREDICTIONS.read(predict(f"{seed}.csv", seeds=[seed]))["logit"]
    path = predict("three.csv", seeds=[10, 1, 2])
    rows = tables.PREDICTIONS.read(path)
    np.testing.assert_allclose(rows["logit"], (alone[1] + alone[2] + alone[10]) / 3, rtol=1e-12)
    np.testing.assert_allclose(rows["score"], expit(rows["logit"]), rtol=1e-15)
    members = tables.SEED_PREDICTIONS.read(tmp_path / "seeds" / "three.csv")
    for seed in (1, 2, 10):
        assert members.loc[members["seed"] == seed, "logit"].tolist() == alone[seed].tolist()
    assert len(members) == 3 * len(rows), "seed 99 is gone from params, though not from the folder"
    again = predict("again.csv", seeds=[2, 10, 1])
    assert again.read_bytes() == path.read_bytes(), "the order in which params name seeds decides nothing"


def test_a_seed_that_was_not_trained_is_one_line(predict):
    with pytest.raises(InputError, match=r"model/7/model\.json: not readable.*run the train stage first"):
        predict(seeds=[1, 7])


def test_images_of_training_are_not_even_opened(predict, tiny_world):
    before = predict().read_bytes()
    for image_id in tiny_world.rows("train")[0]["image_id"]:
        (tiny_world.images_dir / f"{image_id}.png").unlink()
    assert predict("again.csv").read_bytes() == before


def refused(predict, tmp_path):
    with pytest.raises(InputError) as error:
        predict()
    assert len(str(error.value).splitlines()) == 1
    assert not (tmp_path / "predictions.csv").exists()
    return str(error.value)


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b"{}", b'{"timm": "no_such_net"}', b"\xff"])
def test_a_record_that_says_nothing_is_one_line(predict, model_dir, tmp_path, content):
    (model_dir / "model.json").unlink()
    if content is not None:
        (model_dir / "model.json").write_bytes(content)
    line = refused(predict, tmp_path)
    assert "model.json" in line
    assert "train" in line


def test_missing_foreign_or_broken_weights_are_one_line(predict, model_dir, tmp_path):
    weights = model_dir / "model.safetensors"
    save_weights(build_network("test_efficientnet").state_dict(), weights)
    assert "not the weights of test_resnet" in refused(predict, tmp_path)
    weights.write_bytes(b"")
    assert "not the weights of test_resnet" in refused(predict, tmp_path)
    weights.unlink()
    assert "run the train stage first" in refused(predict, tmp_path)


def test_weights_that_are_no_numbers_never_become_predictions(predict, model_dir, network, tmp_path):
    torch.nn.init.constant_(network.get_classifier().bias, torch.nan)
    save_weights(network.state_dict(), model_dir / "model.safetensors")
    assert "not finite" in refused(predict, tmp_path)


def test_nothing_to_score_is_one_line(predict, tiny_world, tmp_path):
    tables.SPLIT.write(tiny_world.split[tiny_world.split["part"] == "train"], tiny_world.split_csv)
    assert "is the split empty" in refused(predict, tmp_path)


def test_as_a_program_a_missing_model_is_one_line(run_program, write_params, capsys):
    write_params(**PARAMS)
    assert run_program("predict", "no/model", "split.csv", "images", "out.csv", "seeds.csv") == 1
    error = capsys.readouterr().err
    assert error.startswith("error: no/model/1/model.json: not readable: ")
    assert error.endswith("; run the train stage first\n")
    assert error.count("\n") == 1
