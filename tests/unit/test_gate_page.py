"""What the gate prints and draws: complete, safe to paste, and the same twice."""

import re

import numpy as np
import pandas as pd
import pytest
from gate_inputs import Project
from PIL import Image

from nonmass.gate.gate import both_sides, run_gate
from nonmass.gate.page import _words, as_github, as_html, as_json, as_markdown, as_text
from nonmass.tables import FOV_INDEX

HOSTILE = "<b>|`x`\n@somebody</b>"


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """A gate over a change of everything: data, params, stages, scores, and a pseudonym that means harm."""
    project = Project(tmp_path_factory.mktemp("project"))
    for frame in project.frames.values():
        frame.loc[frame["patient_id"].str.endswith("p080"), "patient_id"] = HOSTILE
    project.finish()
    project.write("metrics/data.json", '{"included": {"images": 10}}')
    project.write("metrics/environment.json", '{"torch": "1"}')
    project.commit()
    project.params["train"]["lr"] = 0.01
    for frame in project.frames.values():
        frame["logit"] = frame["logit"].to_numpy()[::-1]
    project.finish()
    project.write("metrics/data.json", '{"included": {"images": 11}}')
    project.write("metrics/environment.json", '{"torch": "2"}')
    images = project.folder / "images"
    images.mkdir()
    for frame in project.frames.values():
        for name in frame["image_id"]:
            Image.fromarray(np.full((8, 8), 200, np.uint8)).save(images / f"{name}.png")
    write_index(images.parent / "index.csv", [path.stem for path in images.iterdir()], accepted=1)
    with both_sides(project.folder, "main", None) as sides:
        return run_gate(*sides, is_release=True), images


def write_index(path, image_ids, accepted):
    blank = {name: "" if kind == "text" else 0 for name, kind in FOV_INDEX.columns.items()}
    FOV_INDEX.write(pd.DataFrame([{**blank, "image_id": name, "accepted": accepted} for name in image_ids]), path)


def test_the_difference_is_explained(found):
    gate, _ = found
    assert [(change.key, change.before, change.now) for change in gate.explanation.params] == [
        ("train.lr", "0.001", "0.01")
    ]
    assert gate.explanation.alarms == ("who is in the study changed: 1 figures of metrics/data.json",)
    assert [(change.key, change.now) for change in gate.explanation.environment] == [("torch", "2")]
    stages = {change.name: change for change in gate.explanation.stages}
    assert stages["train@detect-small"].causes == ("params: train.lr",)
    assert stages["predict@detect-small"].results == ("predictions/detect/small.csv",)
    assert HOSTILE in {flip.patient for call in gate.calls for flip in (*call.lost, *call.won)}


def test_a_page_is_self_contained_and_shows_crops(found):
    gate, images = found
    page = as_html(gate, images)
    assert page == as_html(gate, images)
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    assert "data:image/png;base64," in page
    assert "data:image/png" not in as_html(gate, images / "nowhere")
    index = (images.parent / "index.csv").read_bytes()
    write_index(images.parent / "index.csv", [path.stem for path in images.iterdir()], accepted=0)
    assert "data:image/png" not in as_html(gate, images), "a doubtful crop may be the whole screen"
    (images.parent / "index.csv").write_bytes(index)
    assert "<b>" not in page
    assert str(images.parent) not in page


def test_markdown_names_no_patient(found):
    text = as_markdown(found[0])
    flips = [flip for call in found[0].calls for flip in (*call.lost, *call.won)]
    assert flips and not any(flip.patient in text for flip in flips)
    assert "somebody" not in text
    header = next(line for line in text.splitlines() if line.startswith("| verdict |"))
    rows = [line for line in text.splitlines() if re.match(r"\| (\*\*)?(worse|better|same|unsure)", line)]
    assert len(rows) == len(found[0].rows)
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {header.count("|")}
    assert len(text) < 65536  # what GitHub takes as a comment


def test_annotations_are_one_line_each_with_the_failures_as_errors(found):
    gate, _ = found
    lines = as_github(gate).splitlines()
    assert len(lines) == len(gate.rows) + len(gate.alarms) + len(gate.explanation.environment)
    assert all(re.fullmatch(r"::(error|warning|notice) title=[^:,\n]+::.+", line) for line in lines)
    failures = sum(row.verdict in {"worse", "not comparable"} for row in gate.rows)
    assert failures == sum(line.startswith("::error") for line in lines) > 0


def test_every_format_names_the_outcome_and_every_row(found):
    gate, images = found
    for text in (as_text(gate), as_markdown(gate).replace("\\", ""), as_html(gate, images)):
        assert gate.outcome in text.lower()
        assert all(str(row.key) in text for row in gate.rows)
    assert as_json(gate) == as_json(gate)


def test_code_in_a_sentence_is_code_in_markdown_and_nothing_else_is():
    assert _words("run `a_b@c` <b> a_b") == "run `a_b@c` \\<b\\> a\\_b"
    assert _words("one ` alone | _") == "one ' alone \\| \\_"
    # Runs of them pair by length in Markdown: none may be left that would leave a tag outside of code.
    assert "``" not in _words("``data/`` `@team <img src=x>```.csv")
