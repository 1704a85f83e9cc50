"""Identities planted everywhere in two hospital exports: none may come out of the graph, in whatever form."""

import re

import cv2
import numpy as np
import openpyxl
import pytest
from clones import attempt, change_params, clone_of_last_commit, run
from dicom_files import write_dicom
from PIL import Image, PngImagePlugin

from nonmass.phantom.generate import draw_export
from nonmass.phantom.patients import draw_patient

pytestmark = pytest.mark.slow

# Each is planted in many places; the pattern is what must be found nowhere.
NAME, BIRTH, ACCESSION, PATIENT = "Zyxenia^Quorvath", "19410203", "ACC998877", "PID7700"
FORBIDDEN = re.compile(rb"zyxenia|quorvath|1941.?02.?03|acc998877|pid77|\xd0\x97\xd0\xb8\xd0\xba", re.IGNORECASE)
CYRILLIC = "Зиксения"
SECRET = {"NONMASS_SALT": "a secret that only this test knows"}


def patients():
    """Ten volunteers, twenty masses, ten non-mass lesions: enough for every part of every task."""
    for finding, count in (("normal", 12), ("mass", 24), ("non_mass", 12)):
        for number in range(count):
            yield draw_patient(1, finding, number)


def screen_of(patient):
    """A screen without any text of its own, as the phantom writes it, gray and small."""
    export = draw_export(1, patient, 1)
    return cv2.cvtColor(export.screen, cv2.COLOR_BGR2GRAY)


def write_jpeg(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    exif = image.getexif()
    exif[0x010E], exif[0x013B], exif[0x9286] = NAME, NAME, f"{NAME} born {BIRTH}"
    image.save(path, exif=exif, comment=f"{NAME} {ACCESSION}".encode(), quality=90)


def write_png(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    text = PngImagePlugin.PngInfo()
    text.add_text("Patient", f"{NAME} {BIRTH}")
    Image.fromarray(pixels).save(path, pnginfo=text)


def plant(raw):
    """Half of the patients as files with a workbook, half as DICOM with a table; labels in the hospital's own words."""
    words = {"normal": "o.B.", "mass": "Herd", "non_mass": "NML"}
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Zyxenia Quorvath"
    sheet.append(["Datei", "Nummer", "Patientin", "Geburt", "Auftrag", "Befund", "Dignität", "Alter"])
    rows = ["Nummer;Patientin;Geburt;Befund;Dignität;Alter"]
    for number, patient in enumerate(patients()):
        pid, pixels = f"{PATIENT}{number:03d}", screen_of(patient)
        if number % 2:
            write = (write_jpeg, write_png)[number % 4 == 1]
            file = f"{CYRILLIC} {PATIENT}/Zyxenia_Quorvath_{BIRTH}_{number}{'.png' if number % 4 == 1 else '.jpg'}"
            write(raw / "clinic" / file, pixels)
            sheet.append([file, pid, NAME, BIRTH, ACCESSION, words[patient.finding], patient.pathology, "41"])
        else:
            place = raw / "pacs" / f"Zyxenia {PATIENT}" / f"{ACCESSION}_{number}.dcm"
            place.parent.mkdir(parents=True, exist_ok=True)
            tags = {"PatientName": NAME, "PatientID": pid, "PatientBirthDate": BIRTH, "AccessionNumber": ACCESSION}
            tags |= {"InstitutionName": CYRILLIC, "ReferringPhysicianName": NAME, "StudyDescription": f"of {NAME}"}
            write_dicom(place, pixels, private=f"{NAME} {BIRTH}", **tags)
            rows.append(f"{pid};{NAME};{BIRTH};{words[patient.finding]};{patient.pathology};41")
    book.save(raw / "clinic" / "liste.xlsx")
    (raw / "pacs" / "liste.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def describe(params):
    values = {"finding": {"o.B.": "normal", "Herd": "mass", "NML": "non_mass"}, "pathology": {}}
    common = {"values": values, "patient_ids": "hash", "extra": {"age_years": "Alter"}}
    labels = {"finding": "Befund", "pathology": "Dignität"}
    params["cohorts"] = ["clinic", "pacs"]
    params["sources"]["clinic"] = {
        "adapter": "folder",
        "table": "liste.xlsx",
        "columns": {"file": "Datei", "patient": "Nummer", **labels},
        **common,
    }
    params["sources"]["pacs"] = {
        "adapter": "dicom",
        "table": "liste.csv",
        "key": "PatientID",
        "frames": "first",
        "columns": {"key": "Nummer", **labels},
        **common,
    }
    params["criteria"] = []
    params["phantom"]["patients"] = {"normal": 0, "mass": 0, "non_mass": 0}
    params["phantom"]["ineligible"] = 0
    params["crop"]["side_px"] = 64
    params["train"]["epochs"] = 1
    params["runtime"]["threads"] = 1
    params["backbones"] = ["mobilenet_448"]


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    clone = clone_of_last_commit(tmp_path_factory.mktemp("hospital") / "clone")
    change_params(clone, describe)
    plant(clone / "data" / "raw")
    return clone


def assert_clean(clone, said):
    """No pattern in what was said, in any file but the source's own and the test's, or in any name of a file."""
    assert not FORBIDDEN.search(said.encode()), FORBIDDEN.search(said.encode())
    kept = [clone / "data" / "raw", clone / ".git", clone / "tests"]
    for path in clone.rglob("*"):
        if not any(path.is_relative_to(place) for place in kept):
            assert not FORBIDDEN.search(str(path.relative_to(clone)).encode()), path
            if path.is_file():
                assert not (hit := FORBIDDEN.search(path.read_bytes())), (path, hit)


def test_the_patterns_would_be_found(clone):
    """The search is not blind: the planted files hold them, openly."""
    planted = [path for path in (clone / "data" / "raw").rglob("*") if path.is_file() and path.suffix != ".xlsx"]
    assert len(planted) > 40
    assert all(FORBIDDEN.search(path.read_bytes()) for path in planted)


def test_no_identity_leaves_the_graph(clone):
    said = run("dvc repro", clone, **SECRET)
    assert (clone / "reports" / "index.html").is_file()
    assert_clean(clone, said)


def test_no_identity_in_what_is_said_about_damage(clone):
    """Labels that hold names, damaged files, rows without a file: listed by row and pseudonym."""
    clinic, pacs = clone / "data" / "raw" / "clinic", clone / "data" / "raw" / "pacs"
    book = openpyxl.load_workbook(clinic / "liste.xlsx")
    book.active["F3"].value = NAME
    book.active.append([f"{NAME}.jpg", f"{PATIENT}999", NAME, BIRTH, ACCESSION, "NML", "", "41"])
    book.save(clinic / "liste.xlsx")
    write_jpeg(clinic / f"{NAME} orphan.jpg", np.zeros((90, 120), np.uint8))
    damaged = sorted(clinic.rglob("*.jpg"))[3]
    damaged.write_bytes(damaged.read_bytes()[:2000])
    broken = sorted(pacs.rglob("*.dcm"))[0]
    broken.write_bytes(broken.read_bytes()[:-5000])
    done = attempt("dvc repro", clone, **SECRET)
    assert done.returncode != 0
    problems = (clone / "reports" / "ingest_problems.csv").read_text(encoding="utf-8")
    assert len(problems.splitlines()) >= 6, problems
    assert_clean(clone, done.stdout + done.stderr + problems)
    for command in ("nonmass doctor data/raw/clinic", "nonmass doctor --json data/raw/pacs"):
        looked = attempt(command, clone, **SECRET)
        assert looked.returncode == 1
        assert_clean(clone, looked.stdout + looked.stderr)


def test_no_identity_in_what_is_said_without_the_secret(clone):
    done = attempt("dvc repro -f ingest@clinic", clone, NONMASS_SALT="")
    assert done.returncode != 0
    assert "NONMASS_SALT" in done.stdout + done.stderr
    assert_clean(clone, done.stdout + done.stderr)
