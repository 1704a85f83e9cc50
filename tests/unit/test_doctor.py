"""`nonmass doctor`: everything at once, errors apart from warnings, and no name that may be a patient's."""

import hashlib
import hmac
import json
import os
from pathlib import Path
from typing import Annotated

import dicom_files
import pandas as pd
import pytest
import typer
from PIL import Image
from ruamel.yaml import YAML
from typer.testing import CliRunner

from nonmass.doctor.diagnosis import Names, as_json, as_text
from nonmass.doctor.examination import examine, find_place
from nonmass.doctor.labels import check_copies

SALT = "a secret of this test"
HEADINGS = "file,who,finding,histology,age\n"
PARAMS = {
    "cohorts": ["clinic"],
    "sources": {
        "clinic": {
            "adapter": "folder",
            "table": "list.csv",
            "columns": {"file": "file", "patient": "who", "finding": "finding", "pathology": "histology"},
            "patient_ids": "keep",
            "extra": {"age_years": "age"},
        }
    },
    "tasks": {
        "classify": {
            "positive": {"pathology": "malignant"},
            "negative": {"pathology": "benign"},
            "ratio": [8, 1, 1],
            "unit": "patient",
        }
    },
}


def draw(path, level, size=(80, 70)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, level).save(path)


@pytest.fixture
def clinic(tmp_path, monkeypatch):
    """A clean cohort of six patients, three of each class, and params.yaml."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NONMASS_SALT", raising=False)
    set_params()
    folder = tmp_path / "data/raw/clinic"
    for number in range(6):
        draw(folder / f"a/{number}.png", number)
    write(folder, *(f"a/{n}.png,Ms {n},mass,{'benign' if n % 2 else 'malignant'},{40 + n}" for n in range(6)))
    return folder


def set_params(cohorts=("clinic",), **source):
    source = PARAMS["sources"]["clinic"] | source
    YAML(typ="safe", pure=True).dump(
        PARAMS | {"cohorts": list(cohorts), "sources": {"clinic": source}}, Path("params.yaml")
    )


def write(folder, *rows):
    (folder / "list.csv").write_text(HEADINGS + "".join(f"{row}\n" for row in rows), encoding="utf-8")


def add_row(folder, row):
    with (folder / "list.csv").open("a", encoding="utf-8") as file:
        file.write(f"{row}\n")


def findings(folder, show_names=False):
    """(level, problem) -> where and what, sorted."""
    told: dict = {}
    for finding in examine(find_place(folder), show_names).findings:
        assert finding.remedy
        place = tuple(part for part in (finding.file, finding.other, finding.row, finding.value) if part)
        told.setdefault((finding.level, finding.problem), []).append(place)
    return {kind: sorted(places) for kind, places in told.items()}


def call(*words):
    """What the command prints, and its exit code."""
    app = typer.Typer(pretty_exceptions_enable=False)

    @app.command()
    def doctor(
        data: Annotated[Path, typer.Argument(exists=True, file_okay=False)],
        json: Annotated[bool, typer.Option("--json")] = False,
        show_names: Annotated[bool, typer.Option("--show-names")] = False,
    ) -> None:
        diagnosis = examine(find_place(data), show_names)
        typer.echo(as_json(diagnosis) if json else as_text(diagnosis))
        raise typer.Exit(diagnosis.exit_code)

    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    return result.output, result.exit_code


def test_nothing_wrong_is_said_in_few_words(clinic):
    assert call(clinic) == (
        "clinic: 6 readable images of 6 patients, read by adapter 'folder'\n\n0 error(s), 0 warning(s)\n",
        0,
    )


def test_a_wrong_call_is_not_an_error_of_the_data(clinic):
    assert call(clinic / "nothing")[1] == call(clinic / "list.csv")[1] == call()[1] == 2


def test_warnings_alone_do_not_fail(clinic):
    draw(clinic / "a/0.png", 9, size=(80, 63))
    text, code = call(clinic)
    assert code == 0
    assert "warning: image with a side below 64 px (1)\n    a/0.png: 80 x 63 px\n  to do: export the whole" in text


def test_what_ingest_lists_is_an_error(clinic):
    (clinic / "a/0.png").write_bytes((clinic / "a/0.png").read_bytes()[:-30])
    (clinic / "a/1.png").write_bytes(b"")
    draw(clinic / "a/9.png", 9)
    add_row(clinic, "a/8.png,Ms 8,nodule,benign,41")
    add_row(clinic, "a/2.png,Ms 2,mass,malignant,43")
    told = findings(clinic)
    assert {problem for _, problem in told} == {
        "file is no readable image",
        "file without a row",
        "unknown finding",
        "age_years differs within a patient",
        "file in several rows",
        "class has fewer patients than the split needs",
    }
    assert told["error", "unknown finding"] == [("a/8.png", 8, "nodule")]
    assert [where[0] for where in told["error", "file is no readable image"]] == ["a/0.png", "a/1.png"]
    text, code = call(clinic)
    assert code == 1
    assert "error: file without a row (1)\n    a/9.png\n  to do: add a row, or take the file out\n" in text


def test_the_same_findings_as_ingest(clinic, tmp_path):
    import runpy

    (clinic / "a/1.png").write_bytes(b"GIF89a")
    add_row(clinic, "a/8.png,Ms 8,nodule,benign,41")
    with (tmp_path / "params.yaml").open("a") as file:
        file.write("parallel: {dask_scheduler: ''}\n")
    stage = runpy.run_path(str(Path(__file__).parents[2] / "stages" / "ingest.py"))
    stage["main"]("clinic", Path("data/raw"), Path("out"))
    listed = pd.read_csv("out/problems.csv", keep_default_na=False)
    wanted = set(listed[["problem", "remedy", "file", "row", "value"]].itertuples(index=False, name=None))
    assert len(wanted) == 2
    diagnosis = examine(find_place(clinic))
    found = {(one.problem, one.remedy, one.file, one.row, one.value) for one in diagnosis.findings}
    assert wanted < found


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ("a/6.png,Ms 0,mass,malignant,40", ("warning", "same bytes twice: one of them is left out")),
        (
            "a/6.png,Ms 0,mass,benign,40",
            ("error", "same bytes under two labels or patients: all copies are excluded"),
        ),
        (
            "a/6.png,Ms 7,mass,malignant,40",
            ("error", "same bytes under two labels or patients: all copies are excluded"),
        ),
    ],
)
def test_copies(clinic, row, kind):
    (clinic / "a/6.png").write_bytes((clinic / "a/0.png").read_bytes())
    add_row(clinic, row)
    copies = findings(clinic)[kind]
    assert copies[-1] == ("a/6.png", "a/0.png")
    assert len(copies) == (2 if kind[0] == "error" else 1)


def inventory_rows(cohort, *rows):
    """Rows (file, digits, frame, pathology) of `INVENTORY`, of patients whom nobody knows."""
    table = pd.DataFrame(rows, columns=["path", "digits", "frame", "pathology"])
    frame = table["frame"].map(lambda n: f"-{n}" if n else "")
    table["image_id"] = table["patient_id"] = cohort + "-" + table["digits"] + frame
    return table.assign(cohort=cohort, finding="mass")


@pytest.mark.parametrize("cohort", ["clinic", "export-of-may"])
def test_copies_of_clips_are_seen_whatever_frames_were_taken(cohort):
    clips = [("1", "aa", 5, "benign"), ("2", "aa", 5, "malignant"), ("3", "bb", 4, "benign"), ("4", "bb", 4, "benign")]
    clips += [("5", "cc", 0, "benign"), ("5", "cc", 1, "benign"), ("6", "dd", 0, "benign"), ("7", "dd", 9, "malignant")]
    told = {(found.level, found.file, found.other) for found in check_copies(inventory_rows(cohort, *clips))}
    contradictory = {("1", "2"), ("2", "1"), ("6", "7"), ("7", "6")}
    assert told == {*(("error", *pair) for pair in contradictory), ("warning", "4", "3")}


class NeverSearched(tuple):
    """A tuple that is not looked through from its start, as it would be for each of a million findings."""

    def index(self, *_):
        raise AssertionError

    __contains__ = index


def test_the_number_of_a_file_is_looked_up():
    names = Names(NeverSearched(["a", "b"]), is_secret=True)
    assert [names.of(file) for file in ("b", "a", "c")] == ["file 2 of 2", "file 1 of 2", "a file that is not there"]


def test_a_patient_with_both_pathologies_is_looked_at(clinic):
    draw(clinic / "a/6.png", 6)
    add_row(clinic, "a/6.png,Ms 0,mass,benign,40")
    problem = ("warning", "patient with benign and with malignant lesions")
    assert findings(clinic)[problem] == [("a/0.png", 2, "1 benign and 1 malignant")]


@pytest.mark.parametrize("twin", ["ms 0", "Ms  0", "Ms 00", "MS\u00a00"])
def test_ids_that_may_be_one_patients(clinic, twin):
    draw(clinic / "a/6.png", 6)
    add_row(clinic, f"a/6.png,{twin},mass,malignant,40")
    problem = ("warning", "patient ids differ in letter case, blanks or leading zeros only")
    assert findings(clinic) == {problem: [("a/6.png", "a/0.png", 8)]}


def test_files_that_are_not_what_they_are_called(clinic):
    png = (clinic / "a/0.png").read_bytes()
    (clinic / "a/0.png").rename(clinic / "a/0.jpg")
    write(clinic, *(clinic / "list.csv").read_text().replace("a/0.png", "a/0.jpg").splitlines()[1:])
    (clinic / "screen").write_bytes(png)
    (clinic / "._hidden").write_bytes(png)
    (clinic / "notes.txt").write_text("no image")
    assert findings(clinic) == {
        ("warning", "content is not what the suffix says"): [("a/0.jpg", "it is PNG")],
        ("warning", "image that is not read, since its name does not say so"): [("screen", "it is PNG")],
    }


def test_names_that_other_systems_take_for_one(clinic):
    draw(clinic / "a/ü.png", 7)
    draw(clinic / "A/U\u0308.png", 8)
    add_row(clinic, "a/ü.png,Ms 7,mass,benign,1")
    add_row(clinic, "A/U\u0308.png,Ms 8,mass,benign,1")
    problem = ("warning", "names differ in letter case or in the encoding of accents only")
    assert findings(clinic)[problem] == [("a", "A"), ("a/ü.png", "A/U\u0308.png")]


NO_FILE = "is no file (broken link, pipe or the like)"


def test_links_pipes_and_names(clinic, tmp_path):
    draw(tmp_path / "outside/x.png", 7)
    (clinic / "out").symlink_to(tmp_path / "outside")
    (clinic / "in").symlink_to(clinic / "a")
    (clinic / "x.png").symlink_to(tmp_path / "outside/x.png")
    (clinic / "loop.png").symlink_to("loop.png")
    os.mkfifo(clinic / "pipe.png")
    os.mkfifo(clinic / "pipe")
    (clinic / "orphan.png").symlink_to("nowhere.png")
    (clinic / os.fsdecode(b"caf\xe9.png")).write_bytes(b"x")
    add_row(clinic, "x.png,Ms 7,mass,benign,1")
    add_row(clinic, "loop.png,Ms 8,mass,benign,1")
    add_row(clinic, "pipe.png,Ms 9,mass,benign,1")
    (clinic / ".hidden").mkdir()
    (clinic / ".hidden/lost.txt").symlink_to("nowhere")
    (clinic / "out.txt").symlink_to(clinic / "list.csv")
    assert findings(clinic) == {
        ("error", "linked folder leads out of the cohort's folder and is not read"): [("out",)],
        ("warning", "linked folder is not read"): [("in",)],
        ("error", "file leads out of the cohort's folder"): [("x.png",)],
        ("error", NO_FILE): [(".hidden/lost.txt",), ("loop.png",), ("orphan.png",), ("pipe",), ("pipe.png",)],
        ("error", "file is no readable image"): [
            ("loop.png", "is a link that leads nowhere"),
            ("pipe.png", "is a pipe, socket or device, not an image"),
        ],
        ("error", "file without a row"): [("caf\\udce9.png",)],
    }


TOO_FEW = "class has fewer patients than the split needs"


@pytest.mark.parametrize(("cohorts", "level"), [(["clinic"], "error"), (["clinic", "other"], "warning")])
def test_a_class_has_a_patient_for_each_part(clinic, cohorts, level):
    set_params(cohorts)
    write(clinic, *(clinic / "list.csv").read_text().replace("Ms 4", "Ms 2").replace(",44", ",42").splitlines()[1:])
    told = "tasks.classify: development has 2 patient(s) of class positive, and needs 3"
    assert findings(clinic) == {(level, TOO_FEW): [(told,)]}


def test_a_class_without_an_image_stops_the_split_unless_another_cohort_has_one(clinic):
    write(clinic, *(clinic / "list.csv").read_text().replace("benign", "malignant").splitlines()[1:])
    ((value,),) = findings(clinic)["error", "task cannot be split"]
    assert value.startswith("tasks.classify: no image matches negative")
    set_params(["clinic", "other"])
    assert findings(clinic) == {}


def test_an_external_set_and_criteria_count(clinic):
    content = YAML(typ="safe", pure=True).load(Path("params.yaml"))
    content["tasks"]["classify"] |= {"external": {"age_years": ["40", "45"]}, "test": {"age_years": "41"}}
    content["criteria"] = [{"name": "too young", "keep": {"age_years": {"min": 41}}}]
    YAML(typ="safe", pure=True).dump(content, Path("params.yaml"))
    assert findings(clinic) == {
        ("error", TOO_FEW): [("tasks.classify: external has 0 patient(s) of class positive, and needs 1",)]
    }
    content["criteria"][0]["keep"] = {"agee": {"min": 41}}
    YAML(typ="safe", pure=True).dump(content, Path("params.yaml"))
    assert ("error", "criteria cannot be applied") in findings(clinic)


def set_criteria(*criteria, cohorts=("clinic",)):
    set_params(cohorts)
    content = YAML(typ="safe", pure=True).load(Path("params.yaml"))
    YAML(typ="safe", pure=True).dump(content | {"criteria": list(criteria)}, Path("params.yaml"))


def test_classes_are_counted_after_the_criteria(clinic):
    set_criteria({"name": "old", "drop": {"age_years": ["44", "45"]}})
    told = [
        (f"tasks.classify: development has 2 patient(s) of class {label}, and needs 3",)
        for label in ("negative", "positive")
    ]
    assert findings(clinic) == {("error", TOO_FEW): told}
    set_criteria({"name": "old", "drop": {"age_years": ["44", "45"]}}, cohorts=["other"])
    assert findings(clinic) == {}  # whose criteria these are not


def test_a_criterions_word_that_nobody_has_is_a_warning(clinic):
    set_criteria({"name": "old", "drop": {"age_years": "45 years"}})
    ((value,),) = findings(clinic)["warning", "criterion asks for a text that no cell of its column holds"]
    assert value == "'old': no cell of age_years is '45 years'; is it spelt as in the table?"


@pytest.mark.parametrize("cohorts", [["clinic"], ["clinic", "other"]])
def test_a_criterion_that_cannot_be_applied_is_an_error_of_any_number_of_cohorts(clinic, cohorts):
    write(clinic, *(clinic / "list.csv").read_text().replace(",41", ',"41,5"').splitlines()[1:])
    set_criteria({"name": "old", "drop": {"age_years": {"min": 90}}}, cohorts=cohorts)
    ((value,),) = findings(clinic)["error", "criteria cannot be applied"]
    assert "rule 'old': column 'age_years' holds no number in 1 row(s) of clinic; give numbers" in value
    assert "41,5" not in value


def test_a_column_of_another_cohort_is_unknown_here(clinic):
    rule = {"name": "lost", "keep": [{"birads": ["4", "5"]}, {"age_years": {"max": 44}}]}
    set_criteria(rule, cohorts=["clinic", "other"])
    told = "tasks.classify: development has 2 patient(s) of class negative, and needs 3"
    assert findings(clinic) == {("warning", TOO_FEW): [(told,)]}  # 45 is gone, as BI-RADS is unknown
    set_criteria(rule)
    ((value,),) = findings(clinic)["error", "criteria cannot be applied"]
    assert "no cohort has a column 'birads'" in value


def test_a_table_that_cannot_be_read_leaves_the_files_to_look_at(clinic):
    (clinic / "list.csv").write_text("file,finding\n")
    (clinic / "a/0.png").write_bytes(b"")
    told = findings(clinic)
    ((value,),) = told["error", "cohort cannot be read"]
    assert value.startswith("clinic/list.csv: lacks column(s) age, histology, who")
    assert told["error", "file is no readable image"] == [("a/0.png", "image file is empty")]
    assert call(clinic)[0].startswith(
        "5 readable images; only files were checked, no labels: for those, mend the table"
    )


@pytest.fixture
def secret(clinic, monkeypatch):
    """A cohort whose names are identities, with a fault of each kind that names a file."""
    set_params(patient_ids="hash")
    monkeypatch.setenv("NONMASS_SALT", SALT)
    (clinic / "a/0.png").rename(clinic / "a/Roe.png")
    (clinic / "a/1.png").write_bytes(b"Roe")
    rows = (clinic / "list.csv").read_text().replace("a/0.png,Ms 0", "a/Roe.png,Roe").splitlines()[1:]
    write(clinic, *rows, "a/Roe.png,Roe,mass,benign,40", "Roe/1.png,Roe,Roe,benign,40")
    (clinic / "a/Roe.jpg").write_bytes((clinic / "a/2.png").read_bytes())
    return clinic


def test_names_of_a_secret_cohort_are_those_of_problems_csv(secret):
    text, code = call(secret)
    document, _ = call(secret, "--json")
    assert code == 1 and "Roe" not in text + document and "Ms" not in text + document
    name = "~" + hmac.new(SALT.encode(), b"a/Roe.png", hashlib.sha256).hexdigest()[:16] + ".png"
    assert name in text and name in document
    assert "names of files are kept back, --show-names shows them\n" in text
    shown, _ = call(secret, "--show-names")
    assert f"{name} = a/Roe.png, row 2\n" in shown


@pytest.mark.parametrize("salt", [None, "short"])
def test_without_a_secret_files_are_counted(secret, monkeypatch, salt):
    monkeypatch.delenv("NONMASS_SALT")
    if salt:
        monkeypatch.setenv("NONMASS_SALT", salt)
    text, code = call(secret)
    assert code == 1 and "Roe" not in text and "~" not in text
    assert "error: no secret for hashed patient ids (1)" in text
    in_order = ["a", "a/1.png", "a/2.png", "a/3.png", "a/4.png", "a/5.png", "a/Roe.jpg", "a/Roe.png", "list.csv"]
    assert f"file {in_order.index('a/Roe.png') + 1} of 9, row 2\n" in text
    assert "a file that is not there, row 9\n" in text
    assert "a/Roe.png, row 2" in call(secret, "--show-names")[0]


def test_a_folder_that_is_no_cohort_has_its_files_checked(secret, tmp_path):
    strange = tmp_path / "export"
    secret.rename(strange)
    text, code = call(strange)
    assert code == 1 and "Roe" not in text
    assert text.startswith("6 readable images; only files were checked, no labels: for those, describe the folder")
    assert "error: file is no readable image (1)\n    file 2 of 9: not a readable image" in text
    assert "warning: content is not what the suffix says (1)\n    file 7 of 9: it is PNG\n" in text
    assert "warning: same bytes twice: one of them is left out (1)\n    file 7 of 9: like file 3 of 9\n" in text
    assert "file 2 of 9 = a/1.png" in call(strange, "--show-names")[0]
    (tmp_path / "params.yaml").unlink()
    assert call(strange) == (text, code)


def test_dicom_files_are_looked_at_frame_by_frame(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "export"
    dicom_files.still(folder / "1.dcm", dicom_files.drawn(70, 80, seed=1))
    dicom_files.clip(folder / "a/2.840.1", dicom_files.drawn(70, 80, seed=2, frames=2))
    dicom_files.still(folder / "3.png", dicom_files.drawn(70, 80, seed=3))
    cut = dicom_files.still(folder / "4", dicom_files.drawn(70, 80, seed=4))
    cut.write_bytes(cut.read_bytes()[:-9])
    assert findings(folder, show_names=True) == {
        ("error", "file is no readable image"): [("file 3 of 5 = 4", "pixel data are cut off")],
        ("warning", "content is not what the suffix says"): [("file 2 of 5 = 3.png", "it is DICOM")],
    }
    assert call(folder)[0].startswith("4 readable images; only files were checked")


def test_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "export").mkdir()
    assert findings(tmp_path / "export") == {("error", "no images found"): [()]}


@pytest.mark.parametrize("path", ["data/raw/clinic", "data/raw/../raw/clinic/", "link", "elsewhere/clinic"])
def test_a_cohort_is_known_by_its_place_or_its_name(clinic, tmp_path, path):
    (tmp_path / "link").symlink_to(clinic)
    if path.startswith("elsewhere"):
        (tmp_path / "elsewhere").mkdir()
        clinic.rename(tmp_path / path)
    assert call(path)[0].startswith("clinic: 6 readable images of 6 patients")


def test_the_document_is_stable_sorted_and_without_places(clinic, tmp_path):
    for number in range(12):
        draw(clinic / f"b/{number}.png", 100 + number, size=(9, 9))
    documents = {call(path, "--json")[0] for path in (clinic, "data/raw/clinic", clinic)}
    assert len(documents) == 1
    (document,) = documents
    assert str(tmp_path) not in document
    content = json.loads(document)
    assert set(content) == {"adapter", "cohort", "errors", "findings", "images", "note", "patients", "warnings"}
    assert (content["errors"], content["warnings"]) == (12, 0)
    assert set(content["findings"][0]) == {"file", "level", "other", "problem", "remedy", "row", "value"}
    files = [finding["file"] for finding in content["findings"]]
    assert files == sorted(files)


def test_numbered_files_come_in_the_order_of_numbers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in range(12):
        draw(tmp_path / f"export/{number:02}.png", number, size=(9, 9))
    content = json.loads(call(tmp_path / "export", "--json")[0])
    assert [finding["file"] for finding in content["findings"]] == [f"file {n} of 12" for n in range(1, 13)]
    assert "    file 5 of 12: 9 x 9 px\n    and 7 more\n" in call(tmp_path / "export")[0]
