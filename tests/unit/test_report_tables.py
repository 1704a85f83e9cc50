"""Tables 1 to 3 against counts and moments known by construction or by pandas' own groupby."""

import pandas as pd
import pytest
from report_inputs import BACKBONES, PARAMS, write_inputs

from nonmass import tables
from nonmass.report import records
from nonmass.report.sources import read_sources
from nonmass.report.tables import clinical_characteristics, data_sets, performance
from nonmass.tables import MEASURES


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
    table = clinical_characteristics(manifest, patients)
    return table.iloc[0, 2:].to_dict(), table


def test_table1_gives_mean_sd_percent_and_unknown() -> None:
    _, table = clinical(*patients_and_manifest())
    cells = table.set_index(["characteristic", "level"])["benign mass lesion"]
    assert cells["age, years", "mean ± SD"] == "45.0 ± 7.1"  # of 40 and 50: SD is sqrt(50)
    assert cells["age, years", "unknown"] == "1"
    assert cells["BI-RADS", "3"] == "2 (66.7\u00a0%)"
    assert "empty" not in set(table["characteristic"])


def test_table1_leaves_out_columns_that_describe_no_group(sources: records.Sources) -> None:
    table = clinical_characteristics(sources.manifest, sources.patients)
    assert set(table["characteristic"]) == {"patients", "age, years", "lesion size, mm", "BI-RADS"}


def test_table2_agrees_with_the_certificate(sources: records.Sources) -> None:
    table = data_sets(sources.tasks, sources.manifest).set_index(["task", "part"])
    for task in sources.tasks:
        for part, counts in task.certificate.parts.items():
            row = table.loc[(task.name, part)]
            for name, value in counts.model_dump().items():
                assert row[name] == value
            assert row["positive_images"] + row["negative_images"] == row["images"]
            assert row["cohorts"] == "phantom"


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
    # Rows: 2 backbones x 3 test parts x 2 rules, and 2 tasks' validation. Numbers: 6 intervals, and one by image.
    assert seen == (2 * 2 * (2 + 1) + 2 * 2) * (6 * 3 + 2)
