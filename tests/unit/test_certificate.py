"""The certificate: what parts hold and share, by construction; and what it refuses."""

import hashlib

import pandas as pd
import pytest
from split_inputs import CLASSIFY, cohort, duplicated, parted, patient_rows, table, task

from nonmass.assignment import assignment_hash
from nonmass.certificate import certify
from nonmass.errors import InputError
from nonmass.files import metric_key
from nonmass.splitting import Split


def test_the_certificate_of_a_split_by_patient():
    images = cohort([2] * 100)
    split = parted(images)
    certificate = certify(split, images, task(), "detect")
    assert certificate["disjoint"] == 1
    assert set(certificate["shared"]) == {"train_val", "train_test", "val_test"}
    assert all(n == 0 for pair in certificate["shared"].values() for n in pair.values())
    assert "NOT_DISJOINT" not in certificate
    counts = {"images": 40, "patients": 20, "positive_images": 20, "positive_patients": 10}
    assert counts.items() <= certificate["parts"]["test"].items()
    assert (
        certificate["parts"]["test"]["positive_share"] == certificate["parts"]["test"]["positive_patient_share"] == 0.5
    )
    assert certificate["assignment"] == assignment_hash(split.table)


def test_the_certificate_counts_what_a_split_by_image_shares():
    images = cohort([2] * 100)
    images.loc[:5, "duplicate_group"] = "g"
    by_image = task(unit="image")
    split = parted(images, by_image, conflicts="keep")
    certificate = certify(split, images, by_image, "detect")
    part = split.table.set_index("image_id")["part"]
    patients = {name: set(split.table.loc[split.table["part"] == name, "patient_id"]) for name in part.unique()}
    assert certificate["disjoint"] == 0
    assert certificate["NOT_DISJOINT"] == 1
    assert certificate["shared"]["train_test"]["patients"] == len(patients["train"] & patients["test"]) > 0
    assert certificate["shared"]["train_test"]["images"] == 0


@pytest.mark.parametrize("kind", ["patients", "patient_groups", "duplicate_groups", "images"])
def test_a_split_that_shares_anything_is_refused(kind):
    """The certificate trusts nobody: a finished split with one planted overlap must not pass."""
    images = cohort([1] * 100)
    split = parted(images)
    rows = split.table
    train, test = (rows.index[rows["part"] == part][0] for part in ("train", "test"))
    if kind == "patients":
        rows.loc[test, "patient_id"] = rows.loc[train, "patient_id"]
    elif kind.endswith("groups"):
        images.loc[images["image_id"].isin(rows.loc[[train, test], "image_id"]), kind.removesuffix("s")] = "g"
    else:
        twin = "other-" + rows.loc[train, "image_id"].split("-")[1]
        images["image_id"] = images["image_id"].replace(rows.loc[test, "image_id"], twin)
        rows.loc[test, "image_id"] = twin
    with pytest.raises(
        InputError, match=f"NOT DISJOINT: train_test {kind} 1; such as images .* and .*; this split must not be used"
    ):
        certify(split, images, task(), "detect")


def by_hand(rows):
    """A split of patients p0, p1, ... as (part, truth, device, number of images)."""
    images = table([(f"p{n}", "mass", "", device, "") for n, (_, _, device, k) in enumerate(rows) for _ in range(k)])
    part, truth = ([row[c] for row in rows for _ in range(row[3])] for c in (0, 1))
    return Split(images[["image_id", "patient_id"]].assign(part=part, truth=truth), (), ()), images


def test_shares_of_devices_are_those_of_a_hand_made_split():
    rows = [("train", 1, "GE LOGIQ E9", 3), ("train", 0, "", 1), ("val", 0, "GE LOGIQ E9", 1), ("val", 1, "x.y", 1)]
    split, images = by_hand([*rows, ("test", 1, "GE LOGIQ E9", 4), ("test", 0, "GE LOGIQ E9", 1)])
    parts = certify(split, images, task(), "t")["parts"]
    assert parts["train"]["device_share"] == {"ge_logiq_e9": 0.75, "unknown": 0.25}
    assert parts["train"]["device_patient_share"] == {"ge_logiq_e9": 0.5, "unknown": 0.5}
    assert parts["val"]["device_share"] == {"ge_logiq_e9": 0.5, "x_y": 0.5}
    assert (parts["val"]["max_device_difference"], parts["test"]["max_device_difference"]) == (0.5, 0.25)
    assert parts["test"]["max_device_patient_difference"] == 0.5
    assert (parts["test"]["positive_share"], parts["test"]["positive_patient_share"]) == (0.8, 0.5)
    assert "max_device_difference" not in parts["train"]


@pytest.mark.parametrize(
    ("text", "key"),
    [("Philips EPIQ-5", "philips_epiq_5"), ("a.b/c", "a_b_c"), ("", ""), ("--", ""), ("Élan", "élan")],
)
def test_keys_hold_nothing_that_dvc_reads_as_a_path(text, key):
    assert metric_key(text) == key


def test_every_usable_image_is_counted_once():
    images = duplicated(table([row for n in range(120) for row in patient_rows(n, 2)]), [(0, 2), (4, 14), (20, 40)])
    images.loc[images["patient_id"] == "p50", "excluded"] = "birads 0"
    images.loc[images["patient_id"] == "p51", "finding"] = "mass"
    split = parted(images, assignment="hashed")
    certificate = certify(split, images, task(), "detect")
    assert certificate["quarantined_images"] == 4  # pairs (0, 2) and (4, 14) are of both classes
    assert certificate["unused_images"] == 2
    in_parts = sum(part["images"] for part in certificate["parts"].values())
    assert in_parts + certificate["withheld_images"] + 4 + 2 == 240 - 2


def test_images_in_quarantine_that_no_task_asks_for_are_unused():
    images = duplicated(table([("x", "normal", "", "", ""), ("y", "normal", "b", "", "")] * 60), [(0, 1)])
    images["finding"], images["pathology"] = "mass", ["benign", "malignant"] * 60
    images["patient_id"] = images["patient_group"] = [f"p{n}" for n in range(120)]
    images.loc[:1, "finding"] = "normal"
    split = parted(images, task({**CLASSIFY, "external": None}))
    certificate = certify(split, images, task(), "classify")
    assert (certificate["quarantined_images"], certificate["unused_images"]) == (0, 2)


def test_the_hash_knows_images_parts_and_labels_but_no_order():
    split = pd.DataFrame({"image_id": ["a", "b"], "part": ["train", "test"], "truth": [0, 1]})
    others = [split.assign(part=["test", "train"]), split.assign(truth=1 - split["truth"])]
    assert len({assignment_hash(one) for one in (split, split[::-1], *others)}) == 3
    assert assignment_hash(split) == assignment_hash(split[::-1])
    assert assignment_hash(split) == hashlib.sha256(b"a,train,0\nb,test,1\n").hexdigest()[:16]
