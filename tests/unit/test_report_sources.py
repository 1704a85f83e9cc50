"""Every number that the page prints with a place is read again there; none of a table or sentence lacks one."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from report_inputs import PARAMS, write_inputs
from report_pages import VOID, build

SEEDS = (1, 2)
GIVEN = PARAMS | {"train": PARAMS["train"] | {"seeds": list(SEEDS)}}
NUMBER = re.compile(r"\u2212?\d[\d\u202f]*(?:\.\d+)?")
PROSE = {"p", "figcaption", "caption", "li"}
# All that may stand in a sentence without a place: names, and what holds whatever the data are.
BARE = re.compile(
    r"CLAIM 2024|Adebayo et al\. 2018|(?:Fig\.|Table) \d|0\.5 is chance|chance, 0\.5|above 0\.5|from 0 to 1"
    r"|exactly 0 or 1|anything but 0 |; 0 is perfect|above 0,|below 1,|gives 0;|from 0 \(black\)|IoU 0\."
    r"|80th percentile|fewer than 100 positive patients|probability of 0\.7|300 dpi|\b[A-Za-z]\w*\d\w*"
)
TERMS = (1, -1, 1, -1)  # of a count computed from others
STATES = {"Accepted": "accepted", "Doubtful": "doubtful", "Refused": "refused"}


class Cited(HTMLParser):
    """Links of the page, the places they lead to, and what of a table's cells is no link."""

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.places, self.bare, self.prose = [], [], {}, [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag not in VOID:
            self.open.append((tag, attrs))
        if tag in PROSE:
            self.prose.append("")
        if attrs.get("class") == "n":
            self.links.append([attrs["href"][1:], ""])
        if re.fullmatch(r"n\d+", attrs.get("id", "")):
            self.places[attrs["id"]] = [self.file, ""]

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop()[0] == tag

    def handle_data(self, data):
        tags = [tag for tag, _ in self.open]
        if any(attrs.get("class") == "n" for _, attrs in self.open):
            self.links[-1][1] += data
        elif "td" in tags and not self.file and "code" not in tags and self.cell != "name" and re.search(r"\d", data):
            self.bare.append(data)
        elif self.is_prose(tags):
            self.prose[-1] += data
        if "tr" in tags and self.file and (row := self.row) in self.places:
            self.places[row] += [data] if data.strip() else []

    def is_prose(self, tags):
        """In the page's sections; faults of Table 3 quote it, and paths are no numbers."""
        is_fault = any(tag == "li" and attrs.get("class") == "alarm" for tag, attrs in self.open)
        return "main" in tags and not self.file and not is_fault and "code" not in tags and PROSE & set(tags)

    @property
    def file(self):
        return next((attrs["data-file"] for tag, attrs in self.open if "data-file" in attrs), "")

    @property
    def row(self):
        return next((attrs.get("id", "") for tag, attrs in reversed(self.open) if tag == "tr"), "")

    @property
    def cell(self):
        return next((attrs.get("class", "") for tag, attrs in reversed(self.open) if tag == "td"), "")


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    return write_inputs(tmp_path_factory.mktemp("graph"), seeds=SEEDS)


@pytest.fixture(scope="module")
def page(places):
    return Cited(build(places, GIVEN, figures=False).page)


def shown(text):
    return [text_number.replace("\u202f", "").replace("\u2212", "-") for text_number in NUMBER.findall(text)]


def agrees(printed, value, percent=False):
    """Whether a printed number is the value rounded to its digits."""
    half = 0.5 * 10.0 ** -len(printed.partition(".")[2])
    return abs(float(printed) - (100 * value if percent else value)) <= half * (1 + 1e-9) + 1e-9


def row_of(file, key):
    """(the values that tell the row, the row as text)."""
    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    wanted = dict(part.split("=", 1) for part in key.split("; "))
    found = table[(table[list(wanted)] == pd.Series(wanted)).all(axis=1)]
    if len(found) > 1:  # keys that are empty are not named
        found = found[(found[[c for c in ("group", "feature") if c in found and c not in wanted]] == "").all(axis=1)]
    assert len(found) == 1, (file, key)
    return found.iloc[0]


def from_row(file, key, value, text):
    if key == "rows":
        return shown(text) == [value] == [str(len(pd.read_csv(file)))]
    if "measure=" in key and " and " in key:
        values = [row_of(file, one)["estimate"] for one in key.split(" and ")]
        assert value == " and ".join(f"estimate {digits}" for digits in values)
        return shown(text) == [str(sum(t * int(v) for t, v in zip(TERMS, values, strict=False)))]
    row = row_of(file, key)
    if value.startswith("note: "):
        return row["note"] == value.removeprefix("note: ") and text in row["note"]
    named = [entry.split(" ", 1) for entry in value.split(", ")]
    assert all(float(row[name]) == float(digits) for name, digits in named)
    if "<" in text:
        return float(named[0][1]) < float(shown(text)[0])
    numbers, values = shown(text), [float(digits) for _, digits in named]
    is_percent = not agrees(numbers[0], values[0])
    return len(numbers) <= len(values) and all(agrees(n, v, is_percent) for n, v in zip(numbers, values, strict=False))


def from_json(file, key, value, text):
    content, parent = GIVEN if file == "params.yaml" else json.loads(Path(file).read_text()), None
    for step in key.split("."):
        parent, content = content, content[int(step) if isinstance(content, list) else step]
    assert float(value) == float(content)
    numbers = shown(text)
    if key.endswith(("positive_images", "positive_patients")) and len(numbers) == 2:
        whole = parent[key.rpartition("positive_")[2]]
        return agrees(numbers[0], content) and agrees(numbers[1], content / whole, percent=True)
    if key.endswith(".multiply_adds"):
        content /= 1e6
    is_percent = "%" in text or key in ("roc.confidence_level", "roc.sensitivity") or key.endswith("_device_difference")
    return len(numbers) == 1 and agrees(numbers[0], content, is_percent)


def from_split(file, key, value, text):
    what, _, conditions = key.partition(": ")
    split = pd.read_csv(file, dtype=str)
    for condition in conditions.split("; "):
        column, wanted = condition.split("=")
        split = split[split[column] == wanted]
    counted = len(split) if what == "images" else split["patient_id"].nunique()
    return counted == int(value) and shown(text) == [str(counted)]


@pytest.fixture(scope="module")
def included(places):
    """Images that are not excluded, with what their patients and fields say."""
    manifest = pd.read_csv(places.data / "manifest.csv", dtype=str, keep_default_na=False)
    fields = pd.read_csv(places.data / "fov" / "index.csv", dtype=str, keep_default_na=False)
    patients = pd.read_csv(places.data / "patients.csv", dtype=str, keep_default_na=False)
    images = manifest[manifest["excluded"] == ""].merge(patients, on=["cohort", "patient_id"])
    images = images.merge(fields, on="image_id")
    state = np.where(images["reject"] != "", "refused", np.where(images["accepted"] == "1", "accepted", "doubtful"))
    return images.assign(state=state)


def recounted(title, labels, column, places, included):
    """Numbers that stand in a cell that the page counted itself."""
    if title == "Fields by device":
        rows = included if labels == ["all devices"] else included[included["device"] == labels[0]]
        if column == "images":
            return [len(rows)]
        n = int((rows["state"] == column).sum())
        return [n, 100 * n / len(rows)]
    if title == "Reasons":
        bears = [labels[0] in f"{f}|{r}".split("|") for f, r in zip(included["flags"], included["reject"], strict=True)]
        return [int((included[bears]["state"] == column).sum())]
    if title == "Text covered":
        lines = pd.read_csv(places.data / "fov" / "crops.csv")["masked_lines"]
        return [lines.sum() if column == "lines" else (lines > 0).sum()]
    if title.startswith("Marks"):
        split = pd.read_csv(places.data / "splits" / f"{title.split(', ')[1]}.csv", dtype=str)
        marks = pd.read_csv(places.data / "fov" / "marks.csv", dtype=str)
        of_kind = {"calipers": "caliper", "arrows": "arrow", "dotted lines": "dotted_line", "words or signs": "text"}
        marks = marks if labels == ["any mark"] else marks[marks["kind"] == of_kind[labels[0]]]
        images = split[split["truth"] == {"positive": "1", "negative": "0"}[column]]
        n = int(images["image_id"].isin(marks["image_id"]).sum())
        return [n, 100 * n / len(images)]
    assert title == "Table 1"
    finding, pathology = {
        " ".join(filter(None, [p, {"normal": "normal breast", "mass": "mass lesion"}.get(f, "non-mass lesion")])): (
            f,
            p,
        )
        for f, p in included[["finding", "pathology"]].drop_duplicates().itertuples(index=False)
    }[column]
    patients = included[(included["finding"] == finding) & (included["pathology"] == pathology)]
    patients = patients.drop_duplicates("patient_id")
    if labels[0] == "patients":
        return [len(patients)]
    name = {"age, years": "age_years", "lesion size, mm": "lesion_size_mm", "BI-RADS": "birads"}[labels[0]]
    known = patients.loc[patients[name] != "", name]
    if labels[1] == "unknown":
        return [len(patients) - len(known)]
    if labels[1] == "mean \u00b1 SD":
        return [known.astype(float).mean(), known.astype(float).std()]
    return [int((known == labels[1]).sum()), 100 * (known == labels[1]).mean()]


def test_every_number_is_read_again_at_its_place(page, places, included):
    kinds = set()
    for link, text in page.links:
        file, _, key, value = page.places[link]
        if " | " in key:
            title, *labels, column = key.split(" | ")
            again = recounted(title, labels, column, places, included)
            numbers = shown(text)
            assert len(numbers) == len(again), (key, text)
            assert all(agrees(n, v) for n, v in zip(numbers, again, strict=True)), (key, text, again)
            kinds.add(title)
            continue
        read = from_json if file.endswith((".json", ".yaml")) else from_split if ": " in key else from_row
        assert read(file, key, value, text), (file, key, value, text)
        kinds.add(Path(file).stem if file == "params.yaml" else Path(file).relative_to(places.data.parent).parts[0])
    assert len(page.links) > 700
    assert kinds >= {"metrics", "data", "measures", "characteristics", "shortcuts", "subgroups", "explanations"}
    assert kinds >= {
        "params",
        "gradcam",
        "models",
        "Table 1",
        "Fields by device",
        "Reasons",
        "Marks, detect",
        "Marks, classify",
    }


def test_every_number_of_a_table_is_a_link(page):
    assert page.bare == []


def test_every_number_of_a_sentence_is_a_link_or_holds_for_any_data(page):
    assert len(page.prose) > 100
    assert [text for text in page.prose if re.search(r"\d", BARE.sub("", text))] == []


def test_every_place_is_led_to(page):
    assert {link for link, _ in page.links} == set(page.places)
