"""The stage `checklists`: files of the same bytes twice, links that lead somewhere, one line where a file is broken."""

import csv
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from nonmass.checklists.facts import read_facts
from nonmass.checklists.filling import fill
from nonmass.checklists.items import read_checklist, read_groups
from nonmass.errors import InputError
from nonmass.lineage.hashing import md5_of
from nonmass.params import load

ROOT = Path(__file__).parents[2]

NAMES = ("claim_2024", "tripod_ai", "model_card")
ARGUMENTS = ("metrics", "models", "measures", "subgroups", "manifest.csv", "reports/checklists")


@pytest.fixture
def results(tmp_path, project):
    """The metrics of Git; of models, measures and subgroups one each."""
    shutil.copytree(project / "metrics", tmp_path / "metrics")
    model = tmp_path / "models" / "detect" / "mobilenet_448" / "1"
    model.mkdir(parents=True)
    (model / "model.json").write_text(
        json.dumps({"parameters": 3207425, "side_px": 128, "epochs": 11, "val_loss": 0.1})
    )
    (model / "model.safetensors").write_bytes(b"weights")
    for name, header, row in (
        ("measures", "backbone,part,group,measure,estimate,lo,hi,note", "mobilenet_448,test,frozen,{},9,,,\n"),
        (
            "subgroups",
            "backbone,part,characteristic,level,images,positive_patients,negative_patients,auc,lo,hi,note",
            "mobilenet_448,test,device,<b>{{x}},43,20,20,0.842,0.671,0.933,\n"
            "mobilenet_448,test,birads,5,4,2,0,,,,too few\n",
        ),
    ):
        (tmp_path / name).mkdir()
        rows = [row.format(measure) for measure in ("fn", "fp", "missed_patients")] if name == "measures" else [row]
        (tmp_path / name / "detect.csv").write_text(f"{header}\n{''.join(rows).replace('{{', '{').replace('}}', '}')}")
    (tmp_path / "manifest.csv").write_text("image_id\n")
    return tmp_path


@pytest.fixture
def run(results, run_stage):
    return lambda: run_stage("checklists", *map(Path, ARGUMENTS))


def test_writes_text_table_and_page_and_the_same_twice(run, results):
    run()
    out = results / "reports" / "checklists"
    suffixed = {f"{name}.{suffix}" for name in NAMES for suffix in ("md", "csv")}
    assert {file.name for file in out.iterdir()} == {*suffixed, "methods.md", "index.html"}
    before = {file.name: file.read_bytes() for file in out.iterdir()}
    run()
    assert before == {file.name: file.read_bytes() for file in out.iterdir()}
    assert all(b"Research use only" in content for name, content in before.items() if not name.endswith(".csv"))
    assert all(str(results).encode() not in content for content in before.values())


def test_text_table_and_page_say_the_same(run, results):
    run()
    out = results / "reports" / "checklists"
    facts = read_facts(load(), *map(Path, ARGUMENTS[:4]), (Path(ARGUMENTS[4]),))
    prose = {
        (name, answer.item.item): [*(told.text for told in answer.prose), *(c for row in answer.rows for c in row)]
        for name in NAMES
        for answer in fill(read_checklist(name), read_groups(), facts)
    }
    page = visible((out / "index.html").read_text(encoding="utf-8"))
    for name in NAMES:
        text = re.sub(r"\\([^\w\s])", r"\1", (out / f"{name}.md").read_text(encoding="utf-8"))
        with (out / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            for told in [*prose[name, row["item"]], row["left to the author"][1:]]:
                assert told in text and told in page
            assert all(cell in row["answer"] for cell in prose[name, row["item"]])
            assert row["page in the paper"] == ""
            assert bool(row["answer"]) == bool(row["sources"]) == (row["status"] != "left to the author")


def test_hashes_errors_and_odd_groups_are_told(run, results):
    run()
    out = results / "reports" / "checklists"
    card = (out / "model_card.csv").read_text(encoding="utf-8")
    assert f"manifest.csv has the MD5 {md5_of(results / 'manifest.csv')}." in card
    assert "positive images called negative: 9;" in card
    assert "device “<b>{x}”: AUC 0.842 (0.671 to 0.933), 43 images." in card
    assert "birads “5”" not in card
    assert "<b>{x}" not in (out / "index.html").read_text(encoding="utf-8")


class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.words, self.links, self.ids, self.hidden = [], [], [], 0

    def handle_starttag(self, tag, attrs):
        self.links += [value for name, value in attrs if name == "href"]
        self.ids += [value for name, value in attrs if name == "id"]
        self.hidden += tag == "style"

    def handle_endtag(self, tag):
        self.hidden -= tag == "style"

    def handle_data(self, data):
        if not self.hidden:
            self.words.append(data)


def visible(html):
    reader = Reader()
    reader.feed(html)
    return " ".join(" ".join(reader.words).split())


def test_links_lead_somewhere(run, results):
    run()
    (results / "dvc.lock").touch()
    out = results / "reports" / "checklists"
    reader = Reader()
    reader.feed((out / "index.html").read_text(encoding="utf-8"))
    markdown = [link for file in out.glob("*.md") for link in re.findall(r"\]\(([^)]+)\)", file.read_text())]
    assert len(reader.ids) == len(set(reader.ids))
    for link in {*reader.links, *markdown}:
        if link.startswith("#"):
            assert link[1:] in reader.ids
        elif not link.startswith("https://doi.org/"):
            assert (out / link).exists(), link


def test_the_report_links_to_all_of_them(run, results, project):
    run()
    section = (project / "src" / "nonmass" / "report" / "checklists.html.j2").read_text(encoding="utf-8")
    links = set(re.findall(r'href="checklists/([^"]+)"', section))
    assert links == {file.name for file in (results / "reports" / "checklists").iterdir()}


LOCK = """schema: '2.0'
stages:
  train_detect@mobilenet_448-1:
    cmd: python
    params: {{params.yaml: {{train.focal_gamma: {gamma}}}}}
  train_detect@of_earlier_params:
    cmd: python
    params: {{params.yaml: {{train.focal_gamma: 7.0}}}}
  split:
    cmd: python
    params: {{params.yaml: {{split.seed: {seed}}}}}
  checklists:
    cmd: python
    params: {{params.yaml: {{train.focal_gamma: 7.0}}}}
"""


@pytest.mark.parametrize(
    ("stage", "more"), [("train_detect@mobilenet_448-1", {"gamma": 1}), ("split", {"seed": 1})], ids=str
)
def test_parameters_that_the_results_were_not_made_with_stop_the_stage(run, results, stage, more):
    """Neither what the stage itself ran with before counts, nor what parameters no longer name."""
    params = load()
    made = {"gamma": params["train"]["focal_gamma"], "seed": params["split"]["seed"]}
    shutil.copyfile(ROOT / "dvc.yaml", results / "dvc.yaml")
    lock = results / "dvc.lock"
    lock.write_text(LOCK.format(**made))
    run()
    shutil.rmtree(results / "reports")
    lock.write_text(LOCK.format(**{name: value + more.get(name, 0) for name, value in made.items()}))
    with pytest.raises(InputError, match=rf"is .*, but dvc\.lock has {stage} made with"):
        run()
    assert not (results / "reports").exists()


def test_a_broken_metrics_file_is_one_line(run, results):
    (results / "metrics" / "split.json").write_text("{")
    with pytest.raises(InputError, match=r"split\.json: not readable as JSON"):
        run()
    assert not (results / "reports").exists()
