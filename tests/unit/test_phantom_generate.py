"""Screens: pure in (seed, patient, image), with a true box, true masks and nothing that gives the class away."""

import cv2
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from nonmass.errors import InputError
from nonmass.params import validate
from nonmass.phantom.generate import IMAGES, PATIENTS, draw_export, simulate, write_cohort
from nonmass.phantom.patients import PatientCounts, PhantomParams, draw_cohort, draw_ineligible, draw_patient
from nonmass.phantom.screen import LAYOUTS
from nonmass.tables import FINDINGS


def params(normal=0, mass=0, non_mass=0, ineligible=0, seed=7):
    counts = PatientCounts(normal=normal, mass=mass, non_mass=non_mass)
    return PhantomParams(seed=seed, patients=counts, ineligible=ineligible)


def read_folder(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom")
    write_cohort(params(2, 3, 2), folder)
    return folder


@pytest.fixture(scope="module")
def exports():
    """The first image of four patients of every finding."""
    patients = [draw_patient(7, finding, number) for finding in FINDINGS for number in range(4)]
    return [(patient, draw_export(7, patient, 1)) for patient in patients]


def test_same_bytes_again(cohort, tmp_path):
    write_cohort(params(2, 3, 2), tmp_path)
    assert read_folder(tmp_path) == read_folder(cohort)


def test_a_patient_is_the_same_in_any_cohort(cohort, tmp_path):
    write_cohort(params(0, 2, 0), tmp_path)
    images = {name: content for name, content in read_folder(tmp_path).items() if "/" in name}
    everyone = read_folder(cohort)
    assert images
    assert images == {name: everyone[name] for name in images}
    fewer, more = (PATIENTS.read(folder / "patients.csv") for folder in (tmp_path, cohort))
    pd.testing.assert_frame_equal(fewer, more[more["patient"].isin(fewer["patient"])].reset_index(drop=True))


def test_another_seed_gives_other_images():
    grays = [simulate(seed, draw_patient(seed, "mass", 0), 1)[0] for seed in (1, 2)]
    assert grays[0].shape != grays[1].shape or not np.array_equal(*grays)


def test_global_generator_is_untouched():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    draw_export(7, draw_patient(7, "non_mass", 1), 1)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_tables_name_every_file_and_only_those(cohort):
    images = IMAGES.read(cohort / "images.csv")
    named = {*images["file"], *images["mask"]} - {""}
    assert named == {name for name in read_folder(cohort) if "/" in name}
    assert set(images["patient"]) == set(PATIENTS.read(cohort / "patients.csv")["patient"])
    assert ((images["mask"] == "") == (images["finding"] == "normal")).all()


def test_masks_are_black_and_white_and_inside_the_box(exports):
    for patient, export in exports:
        if patient.lesion is None:
            assert export.mask is None
            continue
        assert export.mask.shape == export.screen.shape[:2]
        assert set(np.unique(export.mask)) == {0, 255}
        outside = export.mask.copy()
        outside[export.box.slices] = 0
        assert not outside.any()


def test_lesions_are_as_large_as_the_table_says(exports):
    for patient, export in exports:
        if patient.finding == "mass":
            depth_mm = simulate(7, patient, 1)[2].depth_mm
            area_mm2 = (export.mask > 0).sum() * (depth_mm / export.box.height) ** 2
            assert np.sqrt(4 * area_mm2 / np.pi) == pytest.approx(patient.lesion.size_mm, rel=0.25)


def test_lesions_of_masses_are_darker_than_the_field(exports):
    for patient, export in exports:
        if patient.finding == "mass":
            gray = export.screen.mean(axis=2)
            assert gray[export.mask > 0].mean() < gray[export.box.slices].mean()


def test_the_box_bounds_the_field(exports):
    """Just outside lies the plain shell, just inside lies speckle on all four sides."""
    for patient, export in exports:
        box, gray = export.box, cv2.cvtColor(export.screen, cv2.COLOR_BGR2GRAY)
        wide = gray[box.y0 - 12 : box.y1 + 12, box.x0 - 12 : box.x1 + 12].copy()
        wide[12:-12, 12:-12] = LAYOUTS[patient.device_number].shell
        assert (wide == LAYOUTS[patient.device_number].shell).all()
        field = gray[box.slices]
        assert all(edge.std() > 4 for edge in (field[0], field[:, 0], field[:, -1]))


def test_the_screen_around_the_field_has_marks(exports):
    for patient, export in exports:
        around = cv2.cvtColor(export.screen, cv2.COLOR_BGR2GRAY).astype(int) - LAYOUTS[patient.device_number].shell
        around[export.box.slices] = 0
        assert 2000 < (np.abs(around) > 60).sum() < 0.1 * around.size


def test_calipers_change_the_field_alone():
    patient = draw_patient(7, "mass", 0)
    counts = {draw_export(7, patient, number).n_calipers for number in range(1, 12)}
    assert counts == {0, 2, 4}


def test_patients_have_one_to_six_images_and_half_of_the_lesions_are_malignant():
    patients = draw_cohort(params(100, 100, 100))
    assert {patient.n_images for patient in patients} == {1, 2, 3, 4, 5, 6}
    counts = pd.crosstab([p.finding for p in patients], [p.pathology for p in patients])
    assert counts.loc["mass", "malignant"] == counts.loc["non_mass", "benign"] == 50
    assert {patient.device_number for patient in patients} == {0, 1, 2}


def test_the_clinical_table_leans_as_in_life():
    patients = [draw_patient(7, "mass", number) for number in range(200)]
    ages = {kind: np.mean([p.age_years for p in patients if p.pathology == kind]) for kind in ("benign", "malignant")}
    assert 5 < ages["malignant"] - ages["benign"] < 15
    high = [p.birads in {"4b", "4c", "5"} for p in patients]
    assert 0.6 < np.corrcoef(high, [p.pathology == "malignant" for p in patients])[0, 1] < 0.9


def test_earlier_patients_are_who_they_were():
    """Drawn by the version before diagnoses were; whoever adds a draw must give it a generator of its own."""
    expected = [
        ("mass", 0, 37, "4a", 2, 1, "none", 12.333063),
        ("mass", 1, 55, "4b", 3, 0, "palpable lump", 9.57567),
        ("non_mass", 0, 42, "4a", 1, 1, "palpable lump", 15.863826),
        ("non_mass", 1, 62, "4c", 2, 0, "none", 16.587482),
    ]
    for finding, number, *known in expected:
        p = draw_patient(1, finding, number)
        drawn = [p.age_years, p.birads, p.n_images, p.device_number, p.symptoms, p.lesion.longest_mm]
        assert drawn == [*known[:-1], pytest.approx(known[-1], abs=1e-5)]


@pytest.mark.parametrize("finding", ["mass", "non_mass"])
def test_how_long_a_lesion_was_followed_does_not_give_its_kind_away(finding):
    """Only that a diagnosis rests on follow-up does, since that is what makes it benign."""
    patients = [draw_patient(7, finding, number) for number in range(1000)]
    malignant = [p.pathology == "malignant" for p in patients]
    years = np.array([p.diagnosis.follow_up_years or 0.0 for p in patients])
    assert all(0.45 < roc_auc_score(malignant, values) < 0.55 for values in (years, years > 0))
    by = pd.crosstab([p.diagnosis.by for p in patients], [p.pathology for p in patients])
    assert by.loc["follow_up", "malignant"] == 0 and 50 < by.loc["follow_up", "benign"] < 150
    assert all(p.diagnosis.follow_up_years >= 2 for p in patients if p.diagnosis.by == "follow_up")
    assert {p.diagnosis.seen_on_us for p in patients} == {"yes"}


def test_the_ineligible_fail_one_criterion_each_in_turn(tmp_path):
    """Read as the study's rules read: exactly one reason each, and none for anybody else."""
    write_cohort(params(1, 2, 2, ineligible=8), tmp_path)
    table = PATIENTS.read(tmp_path / "patients.csv").set_index("patient")
    is_lesion = ~table.index.str.startswith("normal")
    years = pd.to_numeric(table["follow_up_years"])
    open_end = (table["diagnosed_by"] == "") & is_lesion
    reasons = pd.DataFrame(
        {
            "not seen": table["seen_on_us"] == "no",
            "BI-RADS 0": table["birads"] == "0",
            "no pathology": open_end & years.isna(),
            "lost": open_end & (years < 2),
        }
    )
    x = reasons[reasons.index.str.startswith("non_mass-x-")]
    assert list(x.idxmax(axis=1)) == 2 * ["not seen", "BI-RADS 0", "no pathology", "lost"]
    assert (x.sum(axis=1) == 1).all() and not reasons.drop(x.index).any(axis=None)
    images = IMAGES.read(tmp_path / "images.csv")
    images = images[images["patient"].isin(x.index)].join(x, on="patient")
    assert set(images["finding"]) == {"non_mass"}
    assert ((images["pathology"] == "") == (images["no pathology"] | images["lost"])).all()
    assert set(images["pathology"]) == {"", "benign", "malignant"}
    assert ((images["mask"] == "") == images["not seen"]).all()


def test_the_ineligible_come_on_top_and_change_nobody(cohort, tmp_path):
    write_cohort(params(2, 3, 2, ineligible=2), tmp_path)
    before, after = read_folder(cohort), read_folder(tmp_path)
    added = {name for name in after if "non_mass-x-" in name}
    assert len(added) >= 3
    assert {k: v for k, v in after.items() if "/" in k and k not in added} == {
        k: v for k, v in before.items() if "/" in k
    }
    for table, name in ((IMAGES, "images.csv"), (PATIENTS, "patients.csv")):
        rows = table.read(tmp_path / name)
        old = rows[~rows["patient"].str.contains("-x-")].reset_index(drop=True)
        pd.testing.assert_frame_equal(old, table.read(cohort / name))


def test_an_ineligible_patient_is_the_same_in_any_cohort():
    assert draw_cohort(params(non_mass=3, ineligible=6))[-1] == draw_ineligible(7, 5)
    assert draw_cohort(params(ineligible=9))[5] == draw_ineligible(7, 5)


def test_an_empty_cohort_writes_empty_tables(tmp_path):
    write_cohort(params(), tmp_path)
    assert sorted(read_folder(tmp_path)) == ["images.csv", "patients.csv"]
    assert len(IMAGES.read(tmp_path / "images.csv")) == len(PATIENTS.read(tmp_path / "patients.csv")) == 0


def test_images_of_another_cohort_are_refused(tmp_path):
    write_cohort(params(mass=1), tmp_path)
    with pytest.raises(InputError, match="not of this cohort; remove"):
        write_cohort(params(normal=1), tmp_path)


@pytest.mark.parametrize(
    ("key", "value"), [("seed", -1), ("ineligible", -1), ("patients", {"normal": -1, "mass": 0, "non_mass": 0})]
)
def test_impossible_settings_are_refused(key, value):
    given = {"seed": 1, "patients": {"normal": 1, "mass": 1, "non_mass": 1}} | {key: value}
    with pytest.raises(InputError, match=f"params.yaml: phantom.{key}"):
        validate(given, PhantomParams, "params.yaml: phantom")


def test_who_is_registered_twice_has_the_same_pictures_under_another_name():
    cohort = draw_cohort(params(1, 2).model_copy(update={"registered_twice": 1}))
    by_name = {patient.name: patient for patient in cohort}
    assert len(by_name) == len(cohort) == 5
    first, second = by_name["mass-00000"], by_name["mass-again-00000"]
    one, two = (draw_export(1, patient, 1) for patient in (first, second))
    assert one.box == two.box and one.n_calipers == two.n_calipers
    rows, columns = slice(one.box.y0, one.box.y1), slice(one.box.x0, one.box.x1)
    assert (one.screen[rows, columns] == two.screen[rows, columns]).all()
    assert (one.screen != two.screen).any()  # the words beside it
