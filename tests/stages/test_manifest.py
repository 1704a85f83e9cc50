"""`manifest` on hand-made inventories: criteria and problems from params to the files that they end in."""

import json
from pathlib import Path

import pandas as pd
import pytest

from nonmass import tables
from nonmass.errors import InputError

OUTPUTS = ("manifest.csv", "patients.csv", "copies.csv", "out/problems.csv", "out/data.json")
PLACES = (Path("cohorts"), *map(Path, OUTPUTS))
CRITERIA = [
    {"name": "not seen on ultrasound", "of": {"finding": ["mass", "non_mass"]}, "drop": {"seen_on_us": "no"}},
    {"name": "BI-RADS 0", "drop": {"birads": "0"}},
    {"name": "lost", "of": {"finding": "non_mass"}, "keep": [{"diagnosed_by": "histology"}, {"years": {"min": 2}}]},
]
# patient, finding, pathology, what is known of the patient; each has two images
ONE = [
    ("p1", "normal", "", {}),
    ("p2", "non_mass", "benign", {"diagnosed_by": "histology", "seen_on_us": "yes"}),
    ("p3", "non_mass", "benign", {"years": "2.5", "seen_on_us": "yes"}),
    ("p4", "non_mass", "", {"years": "1.5", "seen_on_us": "no"}),
    ("p5", "non_mass", "", {"years": "1.5", "seen_on_us": "yes"}),
]
TWO = [("q1", "mass", "benign", {"birads": "0"}), ("q2", "mass", "malignant", {"birads": "5"})]
FAULTS = [("two", f"{n}.png", n, "file is no readable image", "empty", "export it again") for n in (2, 3)]


def write_cohort(name, people, problems=()):
    files = pd.DataFrame(
        [person[:3] for person in people for _ in "ab"], columns=["patient_id", "finding", "pathology"]
    )
    number = [f"{n:016x}" for n in range(len(files))]
    blank = {column: 0 if kind == "int" else "" for column, kind in tables.INVENTORY.columns.items()}
    files = files.assign(
        cohort=name, path=[f"{name}/{n}.png" for n in number], patient_id=name + "-" + files["patient_id"]
    )
    files = files.assign(image_id=[f"{name}-{name}{n}" for n in number])
    files = files.assign(**{column: value for column, value in blank.items() if column not in files})
    people = pd.DataFrame([{"patient_id": f"{name}-{p[0]}", "cohort": name, **p[3]} for p in people])
    tables.INVENTORY.write(files, Path(f"cohorts/{name}/files.csv"))
    tables.PATIENTS.write(people.fillna(""), Path(f"cohorts/{name}/patients.csv"))
    faults = pd.DataFrame(list(problems), columns=list(tables.PROBLEMS.columns))
    tables.PROBLEMS.write(faults, Path(f"cohorts/{name}/problems.csv"))


@pytest.fixture
def run_manifest(run_stage, tmp_path, monkeypatch):
    """Writes both cohorts and runs the stage on them."""

    def run(criteria, on_problem, problems=()):
        monkeypatch.chdir(tmp_path)
        write_cohort("one", ONE)
        write_cohort("two", TWO, problems)
        params = {"cohorts": ["two", "one"], "criteria": criteria, "ingest": {"on_problem": on_problem}}
        run_stage("manifest", *PLACES, params=params)
        return tables.MANIFEST.read(PLACES[1]), json.loads(PLACES[5].read_text())

    return run


def test_an_excluded_row_stays_with_its_reason(run_manifest):
    manifest, counts = run_manifest(CRITERIA, "stop")
    reasons = manifest.groupby("patient_id")["excluded"].unique().map(list).to_dict()
    assert reasons == {
        "one-p1": [""],
        "one-p2": [""],
        "one-p3": [""],
        "one-p4": ["not seen on ultrasound"],  # and lost, but seen is asked first
        "one-p5": ["lost"],
        "two-q1": ["BI-RADS 0"],
        "two-q2": [""],
    }
    assert len(manifest) == 14
    assert counts["all"]["read"] == {"images": 14, "patients": 7}
    assert counts["all"]["steps"]["6_lost"]["left"] == {"images": 8, "patients": 4}
    assert counts["one"]["steps"]["5_bi_rads_0"]["excluded"] == {"images": 0, "patients": 0}
    assert counts["two"]["steps"]["5_bi_rads_0"]["excluded"] == {"images": 2, "patients": 1}
    assert counts["one"]["non_mass_benign"] == {"images": 4, "patients": 2}
    assert "problems" not in counts["all"]
    assert len(tables.PROBLEMS.read(PLACES[4])) == 0
    assert len(tables.PATIENTS.read(PLACES[2])) == 7


def test_every_row_of_the_inventories_is_in_the_manifest_or_among_the_copies(run_manifest, run_stage):
    run_manifest([], "stop")
    assert len(tables.COPIES.read(PLACES[3])) == 0
    files = tables.INVENTORY.read(Path("cohorts/two/files.csv"))
    first = files.iloc[[0]]
    again = pd.concat([first.assign(path=f"two/{name}.png") for name in ("y", "z")])
    third = files.iloc[[3]].assign(path="two/x.png", patient_id="two-q1", finding="normal", pathology="")
    tables.INVENTORY.write(pd.concat([files, again, third]), Path("cohorts/two/files.csv"))
    params = {"cohorts": ["two", "one"], "criteria": [], "ingest": {"on_problem": "stop"}}
    run_stage("manifest", *PLACES, params=params)
    copies = tables.COPIES.read(PLACES[3])
    columns = ["path", "image_id", "patient_id", "frame", "excluded"]
    assert copies[columns].to_numpy().tolist() == [
        ["two/x.png", files["image_id"][3], "two-q1", 0, "contradictory duplicate"],
        ["two/y.png", files["image_id"][0], "two-q1", 0, "exact duplicate"],
        ["two/z.png", files["image_id"][0], "two-q1", 0, "exact duplicate"],
    ]
    read = [tables.INVENTORY.read(Path(f"cohorts/{name}/files.csv"))["path"] for name in ("one", "two")]
    assert sorted(pd.concat(read)) == sorted([*tables.MANIFEST.read(PLACES[1])["path"], *copies["path"]])


def test_problems_are_listed_before_they_stop_the_run(run_manifest):
    with pytest.raises(
        InputError, match=r"2 problem\(s\) in two: file is no readable image \(2\); see out/problems.csv"
    ):
        run_manifest(CRITERIA, "stop", FAULTS)
    assert list(tables.PROBLEMS.read(PLACES[4])["file"]) == ["2.png", "3.png"]
    assert not PLACES[1].exists() and not PLACES[5].exists()


def test_problems_may_be_excluded_and_are_counted(run_manifest):
    manifest, counts = run_manifest([], "exclude", FAULTS)
    assert counts["two"]["problems"] == counts["all"]["problems"] == {"file_is_no_readable_image": 2}
    assert len(tables.PROBLEMS.read(PLACES[4])) == 2
    assert set(manifest["excluded"]) == {""}


def test_other_words_for_what_becomes_of_problems_are_refused(run_manifest):
    with pytest.raises(InputError, match=r"params.yaml: ingest.on_problem: input should be 'stop' or 'exclude'"):
        run_manifest([], "ignore")


def test_a_word_that_occurs_nowhere_is_one_line_and_no_error(run_manifest, capsys):
    run_manifest(CRITERIA, "stop")
    assert capsys.readouterr().err == ""
    manifest, _ = run_manifest([{"name": "BI-RADS 0", "drop": {"birads": "BIRADS 0"}}], "stop")
    told = "criteria: 'BI-RADS 0': no cell of birads is 'BIRADS 0'; is it spelt as in the table?\n"
    assert capsys.readouterr().err == told
    assert set(manifest["excluded"]) == {""}


def test_a_fault_of_a_rule_is_one_line(run_manifest):
    with pytest.raises(
        InputError, match=r"criteria, rule 'old': no cohort has a column 'age'; there are image_id, .* years"
    ):
        run_manifest([{"name": "old", "drop": {"age": {"min": 90}}}], "stop")
