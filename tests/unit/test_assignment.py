"""What results say of their split, and predictions of another one."""

import json
from pathlib import Path

import pandas as pd
import pytest

from nonmass.assignment import Seal, check_assignment, read_seal
from nonmass.environment import read_records
from nonmass.errors import InputError

SEAL = Seal(assignment="0123456789abcdef", disjoint=1, unit="patient")
LEAKY = Seal(assignment="0123456789abcdef", disjoint=0, unit="image")


def test_metrics_of_a_leaky_split_shout():
    assert SEAL.metrics() == {"certificate": {"assignment": "0123456789abcdef", "disjoint": 1, "unit": "patient"}}
    assert LEAKY.metrics()["NOT_DISJOINT"] == 1


def test_areas_of_a_leaky_split_shout():
    rows = [("", "auc", ""), ("", "auc_image", "one patient"), ("n", "images", ""), ("frozen", "cutoff", "no cut-off")]
    measures = pd.DataFrame(rows, columns=["group", "measure", "note"], dtype="string")
    pd.testing.assert_frame_equal(SEAL.mark(measures), measures)
    shout = "NOT DISJOINT: parts share patients or pictures"
    assert LEAKY.mark(measures)["note"].tolist() == [shout, f"{shout}; one patient", "", "no cut-off"]


def test_predictions_of_another_split_are_refused():
    frame = pd.DataFrame({"assignment": [SEAL.assignment] * 3})
    assert check_assignment(frame, SEAL, Path("p.csv")) is frame
    for stale, said in (("fedcba9876543210", "on split fedcba9876543210"), ("", r"on split \(none\)")):
        frame.loc[1, "assignment"] = stale
        with pytest.raises(InputError, match=f"p.csv: stale predictions: they were made {said}, the certificate is of"):
            check_assignment(frame, SEAL, Path("p.csv"))


def test_a_seal_is_read_from_a_certificate(tmp_path):
    path = tmp_path / "split.json"
    parts = {"train": {"images": 1}, "test": {"images": 2, "patients": 1}}
    path.write_text(json.dumps({"detect": {**SEAL.model_dump(), "parts": parts}}))
    seal = read_seal(path, "detect")
    assert {part: held.images for part, held in seal.parts.items()} == {"train": 1, "test": 2}
    assert seal.metrics() == SEAL.metrics()  # which repeats no counts


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([], "no images"),
        (["val", "test"], "1 test, 1 val images"),
        (["val", "test", "test", "external"], "1 external, 2 test, 1 val images"),
        (["val", "test", "test", "train"], "2 test, 1 train, 1 val images"),
    ],
)
def test_predictions_of_a_part_of_the_split_are_refused(parts, said):
    counts = {"train": {"images": 9}, "val": {"images": 1}, "test": {"images": 2}}
    seal = Seal.model_validate({**SEAL.model_dump(), "parts": counts})
    whole = pd.DataFrame({"part": ["val", "test", "test"], "assignment": SEAL.assignment})
    assert check_assignment(whole, seal, Path("p.csv")) is whole
    frame = pd.DataFrame({"part": parts, "assignment": SEAL.assignment})
    message = f"^p.csv: not the predictions of the whole split: they are of {said}, the certificate is of 2 test, 1 val"
    with pytest.raises(InputError, match=message):
        check_assignment(frame, seal, Path("p.csv"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "split certificate not found; run `dvc repro` first"),
        ("", "holds no split certificate of 'detect'"),
        ("[]", "holds no split certificate of 'detect'"),
        ('{"classify": {}}', "holds no split certificate of 'detect'"),
        ('{"detect": {"disjoint": 1, "unit": "patient"}}', "detect.assignment: required key is missing"),
        ('{"detect": {"assignment": "x", "disjoint": 1, "unit": "patient"}}', "detect.assignment: string should match"),
    ],
)
def test_no_certificate_is_one_line(tmp_path, content, message):
    path = tmp_path / "split.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=message):
        read_seal(path, "detect")


def test_a_certificate_nested_without_end_is_refused_in_one_line(tmp_path):
    path = tmp_path / "split.json"
    path.write_text("[" * 100_000, encoding="utf-8")
    with pytest.raises(InputError, match="holds no split certificate of 'detect'"):
        read_seal(path, "detect")
    with pytest.raises(InputError, match="nested too deeply"):
        read_records([path])
