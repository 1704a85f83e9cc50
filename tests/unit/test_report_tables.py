"""Tables 1 to 3 against counts and moments known by construction or by pandas' own groupby."""

from pathlib import Path

import pandas as pd
import pytest
from report_inputs import BACKBONES, PARAMS, write_inputs

from nonmass import tables
from nonmass.clinical import clinical_data
from nonmass.report import records
from nonmass.report.sources import read_sources
from nonmass.report.tables import balance, clinical_characteristics, data_sets, informative_tests, performance
from nonmass.tables import MEASURES

TESTS_CSV = Path("tests.csv")
NO_TESTS = pd.DataFrame(columns=list(tables.CHARACTERISTICS.columns))


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> records.Sources:
    return read_sources(write_inputs(tmp_path_factory.mktemp("graph")), PARAMS, BACKBONES)


def image(name: str, patient: str, finding: str, pathology: str, excluded: str = "") -> dict[str, object]:
    row = {"image_id": name, "cohort": "c", "path": name, "patient_id": patient, "finding": finding}
    row |= {
        "patient_group": patient,
        "pathology": pathology,
        "device": "",
        "width_px": 9,
        "height_px": 9,
        "mask_path": "",
        "mask_id": "",
        "frame": 0,
        "us_regions": "",
        "excluded": excluded,
    }
    return row


def patients_and_manifest() -> tuple[pd.DataFrame, pd.DataFrame]:
    images = [
        image("1", "a", "mass", "benign"),
        image("2", "a", "mass", "benign"),
        image("3", "b", "mass", "benign"),
        image("4", "c", "mass", "benign"),
        image("5", "c", "non_mass", "malignant"),
        image("6", "d", "normal", "", excluded="exact duplicate"),
    ]
    people = {"patient_id": ["a", "b", "c", "d"], "cohort": "c", "age_years": ["40", "50", "", "99"]}
    people |= {"birads": ["3", "4A", "3", "3"], "empty": ""}
    return tables.MANIFEST.check(pd.DataFrame(images), "m"), tables.PATIENTS.check(pd.DataFrame(people), "p")


def test_table1_counts_each_patient_once_a_class_and_no_excluded_one() -> None:
    patients, table = clinical(*patients_and_manifest())
    assert list(table.columns[2:]) == ["benign mass lesion", "malignant non-mass lesion"]
    assert patients == {"benign mass lesion": "3", "malignant non-mass lesion": "1"}


def clinical(manifest: pd.DataFrame, patients: pd.DataFrame) -> tuple[dict[str, str], pd.DataFrame]:
    table = clinical_characteristics(clinical_data(manifest, patients), NO_TESTS, TESTS_CSV)
    return table.iloc[0, 2:].to_dict(), table


def test_table1_gives_mean_sd_percent_and_unknown() -> None:
    _, table = clinical(*patients_and_manifest())
    cells = table.set_index(["characteristic", "level"])["benign mass lesion"]
    assert cells["age, years", "mean ± SD"] == "45.0 ± 7.1"  # of 40 and 50: SD is sqrt(50)
    assert cells["age, years", "unknown"] == "1"
    assert cells["BI-RADS", "3"] == "2 (66.7\u00a0%)"
    assert "empty" not in set(table["characteristic"])


def test_table1_leaves_out_columns_that_describe_no_group(sources: records.Sources) -> None:
    clinical = clinical_data(sources.manifest, sources.patients)
    table = clinical_characteristics(clinical, sources.tests, TESTS_CSV)
    assert set(table["characteristic"]) == {"patients", "age, years", "lesion size, mm", "BI-RADS"}
    assert clinical.left_out == ("remark",)


def test_table1_has_each_test_once_in_the_row_that_opens_its_characteristic(sources: records.Sources) -> None:
    table = clinical_characteristics(clinical_data(sources.manifest, sources.patients), sources.tests, TESTS_CSV)
    assert list(table.columns[-4:]) == [
        "p, mass lesion",
        "test, mass lesion",
        "p, non-mass lesion",
        "test, non-mass lesion",
    ]
    rows = table.groupby("characteristic", sort=False).first()
    assert rows.loc["age, years"].iloc[-4:].to_list() == ["0.012", "Welch's t-test", "\u2013", "\u2013"]
    assert rows.loc["BI-RADS"].iloc[-4:].to_list() == [
        "< 0.001",
        "Pearson's chi-squared test",
        "1.000",
        "Fisher's exact test",
    ]
    assert (table["p, mass lesion"] != "").sum() == 3
    assert rows.loc["patients"].iloc[-4:].to_list() == [""] * 4


def test_a_characteristic_of_one_value_has_one_row_and_no_test() -> None:
    manifest, patients = patients_and_manifest()
    patients = patients.assign(diagnosed_by=["biopsy", "", "biopsy", "other"], follow_up_years=["2", "2.0", "", "9"])
    rows = [("mass", name, "", "", "one known value") for name in ("diagnosed_by", "follow_up_years")]
    tests = pd.DataFrame([*rows, ("mass", "age_years", "", "", "few")], columns=list(tables.CHARACTERISTICS.columns))
    clinical = clinical_data(manifest, patients)
    table = clinical_characteristics(clinical, tests, TESTS_CSV)
    cells = table.set_index("characteristic").loc[["diagnosed by", "follow-up, years"]]
    assert cells.to_numpy().tolist() == [["biopsy", "2 of 3", "1 of 1", "", ""], ["2", "2 of 3", "0 of 1", "", ""]]
    assert informative_tests(clinical, tests)["characteristic"].to_list() == ["age_years"]
    assert list(clinical_characteristics(clinical, tests[:2], TESTS_CSV).columns[-1:]) == ["malignant non-mass lesion"]


def test_columns_and_values_of_our_own_are_told_in_words() -> None:
    manifest, patients = patients_and_manifest()
    ways = ["histology", "follow_up", "histology", "histology"]
    _, table = clinical(manifest, patients.assign(diagnosed_by=ways, seen_on_us="yes", follow_up_years="3"))
    assert {"seen on ultrasound", "diagnosed by", "follow-up, years"} <= set(table["characteristic"])
    assert {"follow-up", "histology"} <= set(table["level"])
    assert "_" not in "".join([*table["characteristic"], *table["level"]])


def test_columns_are_judged_by_the_included_patients_alone() -> None:
    manifest, patients = patients_and_manifest()
    patients["age_years"] = ["40", "50", "", "unknown"]  # of the last patient, who is excluded
    assert clinical_data(manifest, patients).kinds == {"age_years": "number", "birads": "category"}


def test_table2_agrees_with_the_certificate(sources: records.Sources) -> None:
    table = data_sets(sources.tasks, sources.manifest).set_index(["task", "part"])
    for task in sources.tasks:
        for part, counts in task.certificate.parts.items():
            row = table.loc[(task.name, part)]
            for name in records.Counts.model_fields:
                assert row[name] == getattr(counts, name)
            assert row["positive_images"] + row["negative_images"] == row["images"]
            assert row["cohorts"] == "phantom"
        outside = {"quarantined": 0, "withheld": 0, "unused": 7}
        assert {name: table.loc[(task.name, name), "images"] for name in outside} == outside
        assert set(table.loc[task.name, "split"]) == {"disjoint"}


def test_balance_shows_the_certificate_s_shares_under_the_devices_own_names(sources: records.Sources) -> None:
    table = balance(sources.tasks[1], sources.manifest["device"]).set_index("what")
    assert list(table.columns) == ["train", "val", "test", "external"]
    assert set(table.loc["device Phantom A"]) == {"100.0\u00a0%"}
    counts = sources.tasks[1].certificate.parts["val"]
    assert table.loc["positive images", "val"].startswith(f"{counts.positive_images} (")


def test_table3_holds_the_measures_to_the_last_digit(sources: records.Sources, tmp_path_factory) -> None:
    places = write_inputs(tmp_path_factory.mktemp("again"))
    table = performance(sources.tasks)
    seen = 0
    for row in table.to_dict("records"):
        measures = MEASURES.read(places.measures / f"{row['task']}.csv").set_index(list(MEASURES.key))
        for column, value in row.items():
            name, _, field = column.rpartition("_")
            if field not in ("est", "lo", "hi"):
                continue
            group = "" if name.startswith("auc") else row["rule"]
            written = measures.loc[(row["backbone"], row["part"], group, name)]
            assert value == float(written["estimate" if field == "est" else field])
            seen += 1
        cells = [row[cell] for cell in ("tp", "fp", "tn", "fn")]
        assert sum(cells) == row["images"]
    # Rows: 2 backbones x 3 test parts x 3 rules, and 2 tasks' validation. Numbers: 6 intervals, and one by image.
    assert seen == (2 * 3 * (2 + 1) + 2 * 2) * (6 * 3 + 2)
