"""Checklists: complete by their own count, filled only with what the results say, and methods that follow params."""

import csv
import json
import re
from copy import deepcopy
from itertools import product
from pathlib import Path

import pytest
from dvc_data.hashfile.hash import file_md5
from dvc_objects.fs.local import LocalFileSystem
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from ruamel.yaml import YAML

from nonmass.checklists.facts import Document, md5_of, read_facts
from nonmass.checklists.filling import AUTHOR, FILLED, LEFT, NO_RESULT, fill, write_methods
from nonmass.checklists.items import CHECKLISTS, read_checklist, read_groups, read_methods
from nonmass.checklists.pages import csv_of
from nonmass.checklists.sentences import LOOPED, PLACE, ROW_COLUMNS, Plan, Sentence, Source, tell
from nonmass.checklists.words import FORMS, loop_words
from nonmass.errors import InputError
from nonmass.params import load
from nonmass.profile import apply_profile
from nonmass.schema import Params

ROOT = Path(__file__).parents[2]
PARAMS = load(ROOT / "params.yaml")
METHODS = read_methods()
GROUPS = read_groups()
PLANS = [plan for group in GROUPS.values() for plan in group]
OF_METHODS = [plan for paragraph in METHODS.paragraphs for group in paragraph.groups.values() for plan in group]

# TRIPOD+AI: how many rows each of its 27 items has.
ROWS = {3: 3, 5: 2, 6: 3, 8: 3, 9: 3, 12: 7, 18: 6, 20: 3, 23: 2, 27: 3}


def with_profile(name):
    params = YAML().load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    apply_profile(params, load(ROOT / "profiles" / f"{name}.yaml"), name)
    return json.loads(json.dumps(params))


def told_of(params):
    facts = {"params": Document("params.yaml", params)}
    return "\n".join(told.text for _, sentences in write_methods(METHODS, facts) for told in sentences)


@pytest.fixture(scope="module")
def facts(tmp_path_factory):
    """Of the metrics in Git; what is not in Git is small and made up."""
    empty = tmp_path_factory.mktemp("nothing")
    found = read_facts(PARAMS, ROOT / "metrics", empty, empty, empty, ())
    return found | {"lock": Document("dvc.lock", {"data/manifest.csv": "0" * 32})}


# --- the tables


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("claim_2024", [str(n) for n in range(1, 45)]),
        (
            "tripod_ai",
            [f"{n}{letter}" for n in range(1, 28) for letter in ("abcdefg"[: ROWS[n]] if n in ROWS else [""])],
        ),
        ("model_card", [f"4.{n}" for n in range(1, 10)]),
    ],
)
def test_a_checklist_has_every_item_once_in_its_order(name, expected):
    checklist = read_checklist(name)
    assert [item.item for item in checklist.items] == expected
    assert checklist.n_items == len({re.match(r"4\.\d|\d+", number)[0] for number in expected})
    assert f"{checklist.n_items} " in checklist.version
    assert len(expected) == {"claim_2024": 44, "tripod_ai": 52, "model_card": 9}[name]


def test_groups_are_all_known_and_all_used():
    named = {name for checklist in CHECKLISTS for item in read_checklist(checklist).items for name in item.groups}
    in_methods = {name for paragraph in METHODS.paragraphs for name in paragraph.groups}
    assert named <= GROUPS.keys()
    assert GROUPS.keys() <= named | in_methods
    assert sum(len(paragraph.groups) for paragraph in METHODS.paragraphs) == len(in_methods)


@pytest.mark.parametrize("name", CHECKLISTS)
def test_an_item_is_told_or_says_what_the_author_must_write(name):
    assert all(item.tells or item.author for item in read_checklist(name).items)


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.text[:50])
def test_every_sentence_is_backed(plan):
    """By a value that it shows, needs or depends on; and it knows its own loops and forms."""
    missing = {text for text, wanted in plan.when.items() if wanted is None}
    assert set(PLACE.findall(plan.text)) | set(plan.needs) | ({*plan.when} - missing) | {*plan.unless}
    assert set(LOOPED.findall(plan.text)) | {n for place in plan.places for n in LOOPED.findall(place)} <= {*plan.each}
    assert {place.partition("|")[2] for place in plan.places} <= {*FORMS}


def test_methods_tell_of_params_and_of_the_precision_that_ran_alone():
    places = {
        place.partition("|")[0] for plan in OF_METHODS for place in plan.places if not place.startswith("params#")
    }
    assert places == {"metrics/environment.json#training.precision"}


def test_the_graph_watches_every_file_that_a_sentence_names():
    stage = load(ROOT / "dvc.yaml")["stages"]["checklists"]
    axes = {"task": PARAMS["tasks"], "backbone": PARAMS["backbones"], "seed": PARAMS["train"]["seeds"]}
    for file in {place.partition("#")[0].partition("|")[0] for plan in PLANS for place in plan.places}:
        if file in {"params", "lock"}:
            continue
        loops = LOOPED.findall(file)
        for values in product(*(axes[loop] for loop in loops)):
            path = file
            for loop, value in zip(loops, values, strict=True):
                path = path.replace(f"<{loop}>", str(value))
            at_reports = path if path.startswith(("metrics", "models")) else f"reports/{path}"
            assert any(at_reports == dep or at_reports.startswith(f"{dep}/") for dep in stage["deps"]), file


# --- params and methods


def leaves(content, prefix=()):
    """Keys of all values; a filter of a task is one value."""
    for key, value in content.items():
        if isinstance(value, dict) and not (prefix[:1] == ("tasks",) and len(prefix) == 2):
            yield from leaves(value, (*prefix, key))
        else:
            yield (*prefix, key)


def told_patterns():
    for plan in OF_METHODS:
        for place in (place for place in plan.places if place.startswith("params#")):
            keys = place.partition("#")[2].partition("|")[0].split(".")
            yield tuple("*" if LOOPED.fullmatch(key) else key for key in keys)


def covers(pattern, leaf):
    return len(pattern) <= len(leaf) and all(one in ("*", other) for one, other in zip(pattern, leaf, strict=False))


@pytest.mark.parametrize("leaf", [".".join(leaf) for leaf in leaves(PARAMS)])
def test_every_param_is_told_or_said_not_to_be(leaf):
    keys = tuple(leaf.split("."))
    # A loop over a section says the names in it, and nothing of what they hold.
    told = any(covers(pattern, keys) for pattern in told_patterns() if pattern not in {("tasks",)})
    assert told or any(covers(tuple(name.split(".")), keys) for name in METHODS.not_told), leaf


def test_what_is_not_told_exists_and_is_not_told():
    for name, reason in METHODS.not_told.items():
        keys = tuple(name.split("."))
        assert reason
        assert any(covers(keys, leaf) for leaf in leaves(PARAMS)), name
        if name != "sources":
            assert not any(covers(keys, pattern) for pattern in told_patterns()), name


ON = {
    "tasks.classify.test": {"official_fold": "2"},
    "train.schedule": "plateau",
    "lr_decay.detect": {"after_epochs": 3, "factor": 0.1},
    "lr_decay.classify": {"after_epochs": 5, "factor": 0.1},
    "pretrain.epochs": 2,
    "text.engine": "rapidocr",
    "train.seeds": [1, 2],
    "train.dropout": 0.2,
    "networks.mobilenet_448": {"timm": "mobilenetv1_100", "weights": "w.pth", "weights_sha256": "a" * 64},
}
RULES = PARAMS["criteria"]
WORDS = {
    "criteria": [[], RULES[:1], RULES[1:2], RULES[:2]],
    "ingest.on_problem": ["stop", "exclude"],
    "text.engine": ["none", "rapidocr", "tesseract"],
    "crop.square": ["pad_br", "pad_center", "stretch"],
    "crop.overlays": ["keep", "mask", "inpaint"],
    "split.assignment": ["balanced", "hashed", "frozen"],
    "split.conflicts": ["quarantine", "keep"],
    "tasks.detect.unit": ["patient", "image"],
    "tasks.classify.unit": ["patient", "image"],
    "networks.mobilenet_448.weights": ["none", "imagenet", "w.pth", "v.pth"],
    "networks.densenet121_448.weights": ["none", "imagenet", "w.pth", "v.pth"],
    "train.schedule": ["plateau", "cosine"],
    "train.kept_epoch": ["lowest_loss", "last"],
    "train.head": ["zero", "default"],
    "runtime.precision": ["auto", 32, "bf16"],
    "sources.phantom.adapter": ["phantom", "busi", "busbra", "folder", "dicom"],
    "sources.phantom.patient_ids": ["hash", "keep"],
    "sources.phantom.frames": ["first", "middle", "all"],
}
ONE_WORD = {"roc.cutoff_rule"}  # there is no other


def put(params, key, value):
    changed = deepcopy(params)
    *sections, last = key.split(".")
    at = changed
    for section in sections:
        at = at[section]
    at[last] = value
    return changed


def switched_on():
    params = PARAMS
    for key, value in ON.items():
        params = put(params, key, value)
    return params


def get(params, key):
    for section in key.split("."):
        params = params[section]
    return params


def another(value):
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + (1 if isinstance(value, int) else 0.0625)
    if isinstance(value, list):
        return [*value[:-1], another(value[-1])]
    if isinstance(value, dict):
        return {**value, "device": "Phantom"}
    return f"{value}x" if isinstance(value, str) else {"device": "Phantom"}


def is_told(key):
    keys = tuple(key.split("."))
    return not any(covers(tuple(name.split(".")), keys) for name in METHODS.not_told)


@pytest.mark.parametrize("key", [key for key in (".".join(leaf) for leaf in leaves(switched_on())) if is_told(key)])
def test_a_changed_param_changes_the_methods(key):
    params = switched_on()
    if key in ONE_WORD:
        assert "Youden" in told_of(params)
        return
    values = WORDS.get(key) or [get(params, key), another(get(params, key))]
    texts = [told_of(put(params, key, value)) for value in values]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("key", [key for key in WORDS if key.startswith("sources.")])
def test_how_a_source_is_read_is_told(key):
    texts = [told_of(put(PARAMS, key, value)) for value in WORDS[key]]
    assert len({*texts, told_of(PARAMS)}) == len(texts) + (key not in {"sources.phantom.adapter"})


def test_words_are_all_that_settings_allow():
    """Another word in a settings class needs another sentence."""
    schema = Params.model_json_schema()

    def allowed(node, keys):
        node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]] if "$ref" in node else node
        if not keys:
            return node.get("enum", [node["const"]] if "const" in node else None)
        return allowed(node.get("properties", {}).get(keys[0], node.get("additionalProperties", {})), keys[1:])

    for key, words in WORDS.items():
        if not key.startswith(("sources.", "networks.", "criteria")):
            assert sorted(map(str, allowed(schema, key.split(".")))) == sorted(map(str, words)), key
    assert allowed(schema, ["roc", "cutoff_rule"]) == ["youden"]


@given(st.floats(min_value=1e-9, max_value=1), st.floats(min_value=1e-9, max_value=1))
def test_no_digit_of_a_number_is_lost(one, other):
    texts = {told_of(put(PARAMS, "train.lr", value)) for value in (one, other)}
    assert len(texts) == len({one, other})


@pytest.mark.parametrize("profile", ["demo", "paper", "public"])
def test_methods_of_every_profile_are_sentences(profile):
    text = told_of(with_profile(profile))
    assert not re.search(r"[{}<>]|\bNone\b|\[|\]", text)
    assert all(line[0].isalnum() and line.endswith(".") for line in text.splitlines())


def test_methods_of_the_study():
    text = told_of(with_profile("paper"))
    for words in (
        "was Adam with learning rate 0.001, without weight decay, in batches of 16 images",
        "at most 300 epochs and would have ended after 15 in a row",
        "In classification the learning rate was multiplied by 0.1 after 5 epochs without",
        "In detection the learning rate did not fall",
        "Training images were not augmented",
        "448 by 448 pixels",
        "weights of the epoch with the lowest validation loss were kept",
    ):
        assert words in text


def test_a_rule_that_cannot_apply_is_not_said_to_end_a_training():
    few = put(put(PARAMS, "train.epochs", 11), "train.early_stopping_epochs", 15)
    assert "Training lasted 11 epochs: the rule that ends it after 15 in a row" in told_of(few)
    for text in (told_of(put(few, "train.epochs", 15)), told_of(few)):
        assert "would have ended" not in text
    assert "at most 16 epochs and would have ended after 15 in a row" in told_of(put(few, "train.epochs", 16))


@pytest.mark.parametrize(
    ("ran", "said"),
    [
        ("bf16-mixed", "in mixed precision (bfloat16), which the machine multiplies itself."),
        ("32-true", "in single precision, as the machine does not"),
        ("32-true, bf16-mixed", "in these precisions, each as its machine multiplies: 32-true, bf16-mixed."),
        (None, "else in single precision"),
    ],
)
def test_the_precision_that_ran_is_told_where_it_is_known(ran, said):
    facts = {"params": Document("params.yaml", put(PARAMS, "runtime.precision", "auto"))}
    if ran:
        facts["metrics/environment.json"] = Document("environment.json", {"training": {"precision": ran}})
    (told,) = [told.text for told in tell(GROUPS["precision"], facts)]
    assert said in told


def test_keys_of_files_are_told_in_words():
    params = {"criteria": [{"name": "BI-RADS 0"}], "backbones": ["a", "b-c"]}
    pairs = {"step": "5_bi_rads_0", "pair": "a-b-c", "part": "val", "task": "detect", "column": "age_years"}
    said = [loop_words(name, value, params) for name, value in pairs.items()]
    assert said == ["BI-RADS 0", "a minus b-c", "validation part", "detection", "age, years"]
    assert loop_words("step", "1_exact_duplicate", params) == "exact duplicate"
    assert loop_words("backbone", "val", params) == "val"


def test_explanations_are_not_said_to_be_all_that_the_chosen_network_is_for(facts):
    text = next(a.text for a in fill(read_checklist("claim_2024"), GROUPS, facts) if a.item.item == "26")
    assert "the commands `predict` and `serve` answer with it" in text and "alone" not in text


# --- what is told, and what is not


@pytest.mark.parametrize("name", CHECKLISTS)
def test_without_facts_the_author_writes_everything(name):
    answers = fill(read_checklist(name), GROUPS, {})
    assert all(answer.status == LEFT and not answer.text and not answer.sources for answer in answers)
    assert all(answer.left_to_author.startswith(AUTHOR) for answer in answers)


@pytest.mark.parametrize("name", CHECKLISTS)
def test_parameters_alone_fill_nothing_that_needs_a_result(name, facts):
    of_run, of_params = (fill(read_checklist(name), GROUPS, found) for found in (facts, {"params": facts["params"]}))
    silent = {name for name, plans in GROUPS.items() if not tell(plans, {"params": facts["params"]})}
    for whole, less in zip(of_run, of_params, strict=True):
        needs_more = bool(silent & set(whole.item.needed))
        assert less.status != FILLED if needs_more else less.status == whole.status
        if needs_more and less.told:
            assert NO_RESULT in less.left_to_author


def without(content, keys):
    if len(keys) == 1:
        return {name: value for name, value in content.items() if name != keys[0]}
    return {name: without(value, keys[1:]) if name == keys[0] else value for name, value in content.items()}


@pytest.mark.parametrize(
    ("file", "key", "item"),
    [
        ("metrics/data.json", "all.read", "35"),
        ("metrics/environment.json", "training.torch_version", "23"),
        ("metrics/detect.json", "densenet121_448.test.auc", "32"),
        ("metrics/detect.json", "densenet121_448.test.frozen", "38"),
        ("metrics/split.json", "detect.disjoint", "20"),
    ],
)
def test_what_is_missing_is_not_told(facts, file, key, item):
    lacking = facts | {file: Document(file, without(facts[file].content, key.split(".")))}
    checklist = read_checklist("claim_2024")
    whole, less = (next(a for a in fill(checklist, GROUPS, found) if a.item.item == item) for found in (facts, lacking))
    assert len(less.told) < len(whole.told)
    assert {told.text for told in less.told} <= {told.text for told in whole.told}


def test_an_item_that_loses_its_file_is_the_authors(facts):
    found = {name: document for name, document in facts.items() if name != "metrics/environment.json"}
    software = next(a for a in fill(read_checklist("claim_2024"), GROUPS, found) if a.item.item == "23")
    assert software.status == LEFT and software.left_to_author == AUTHOR


def test_areas_are_those_of_the_metrics(facts):
    text = next(a for a in fill(read_checklist("claim_2024"), GROUPS, facts) if a.item.item == "37").text
    for task in PARAMS["tasks"]:
        metrics = json.loads((ROOT / "metrics" / f"{task}.json").read_text(encoding="utf-8"))
        for backbone, part in product(PARAMS["backbones"], ("test", "external")):
            if part in metrics[backbone]:
                auc = metrics[backbone][part]["auc"]
                assert f"{backbone}: AUC {auc['est']:.3f} ({auc['lo']:.3f} to {auc['hi']:.3f}), " in text
    assert "There is no external set for detection." in text


def test_figures_of_the_results_are_rows_of_a_table(facts):
    for item, n in (("37", 3), ("38", 6)):
        answer = next(a for a in fill(read_checklist("claim_2024"), GROUPS, facts) if a.item.item == item)
        assert len(answer.rows) >= n and all(len(row) == len(ROW_COLUMNS) for row in answer.rows)
        assert not any(re.search(r"\d\.\d", told.text) for told in answer.prose)
        assert all(row[-1] in answer.text for row in answer.rows)
        assert {row[0] for row in answer.rows} == {"Detection", "Classification"}


@pytest.mark.parametrize("name", CHECKLISTS)
def test_every_source_holds_the_key_that_is_named(facts, name):
    contents = {document.path: document.content for document in facts.values()}
    rows = list(csv.DictReader(csv_of(fill(read_checklist(name), GROUPS, facts)).splitlines()))
    assert len(rows) == len(read_checklist(name).items)
    for answer in fill(read_checklist(name), GROUPS, facts):
        for path, keys in answer.sources.items():
            for key in keys:
                assert key in contents[path] or get(contents[path], key) is not None


def test_a_value_of_the_wrong_kind_is_one_line(facts):
    broken = deepcopy(facts["metrics/split.json"].content)
    broken["detect"]["parts"]["test"]["device_share"] = "half"
    with pytest.raises(InputError, match=r"split\.json: detect\.parts\.test\.device_share: not to be told"):
        fill(read_checklist("claim_2024"), GROUPS, facts | {"metrics/split.json": Document("split.json", broken)})


def test_a_split_that_is_not_disjoint_shouts(facts):
    leaky = deepcopy(facts["metrics/split.json"].content)
    leaky["detect"]["disjoint"] = 0
    answers = fill(read_checklist("claim_2024"), GROUPS, facts | {"metrics/split.json": Document("split.json", leaky)})
    for item in ("20", "40"):
        text = next(a.text for a in answers if a.item.item == item)
        assert "NOT DISJOINT: parts of detection" in text and "certificate of classification finds no patient" in text


# --- sentences

SMALL = {"f": Document("f.json", {"a": {"x": 1, "y": 2.5}, "names": ["a.b", "{q}"], "a.b": {"v": 7}, "{q}": {"v": 8}})}


def planned(plan):
    return TypeAdapter(Sentence).validate_python(plan)


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        ({"text": "x is {f#a.x}."}, ["x is 1."]),
        ({"text": "z is {f#a.z}."}, []),
        ({"text": "g is {g#a}."}, []),
        ({"text": "<k>: {f#a.<k>}.", "each": {"k": "f#a"}}, ["x: 1.", "y: 2.5."]),
        ({"text": "<n>: {f#<n>.v}.", "each": {"n": "f#names"}}, ["a.b: 7.", "{q}: 8."]),
        ({"text": "same {f#a.x}.", "each": {"n": "f#names"}}, ["same 1."]),
        ({"text": "yes.", "when": {"f#a.x": 1, "f#a.z": None}}, ["yes."]),
        ({"text": "no.", "when": {"f#a.x": 2}}, []),
        ({"text": "no.", "unless": {"f#a.x": [1, 2]}}, []),
        ({"text": "no.", "needs": ("f#a.z",)}, []),
        ({"text": "less.", "below": {"f#a.x": "f#a.y"}}, ["less."]),
        ({"text": "no.", "below": {"f#a.y": "f#a.x"}}, []),
        ({"text": "no less.", "not_below": {"f#a.x": "f#a.x"}}, ["no less."]),
        ({"text": "no.", "not_below": {"f#a.x": "f#a.z"}}, []),
        ({"row": ("a", "b", "c", "d", "{f#a.x}")}, ["a, b, c: d 1."]),
        ({"text": "two.", "when": {"f#names|len": 2}}, ["two."]),
    ],
)
def test_a_sentence_is_told_as_its_facts_are(plan, expected):
    assert [told.text for told in tell((planned(plan),), SMALL)] == expected


def test_sources_are_what_was_looked_at():
    told = tell((Plan(text="{f#a.x}", when={"f#a.y": 2.5, "f#a.z": None}),), SMALL)
    assert told[0].sources == (Source("f.json", "a.x"), Source("f.json", "a.y"))


@pytest.mark.parametrize(
    ("form", "value", "text"),
    [
        ("", 12345, "12,345"),
        ("plain", 12345, "12345"),
        ("", 10.0, "10"),
        ("", 1e-05, "1e-05"),
        ("interval", {"est": -0.0966, "lo": -0.16, "hi": -0.03}, "\u22120.097 (\u22120.160 to \u22120.030)"),
        ("interval", {"est": 1.0}, "1.000 (no interval)"),
        ("interval", {"note": "too few"}, None),
        ("percent", {"est": 0.8235, "lo": 0.69, "hi": 0.9}, "82.3\u00a0% (69.0 to 90.0)"),
        ("p", 0.0000012, "p < 0.001"),
        ("ratio", [7, 1, 2], "7 : 1 : 2"),
        ("names", {"": {}, "A": {}, "B": {}}, "A and B"),
        ("shares", {"b": 0.25, "a": 0.75}, "a 75.0\u00a0% and b 25.0\u00a0%"),
        (
            "rules",
            [{"name": "lost", "of": {"finding": ["mass", "non_mass"]}, "keep": [{"x": "y"}, {"years": {"min": 2}}]}],
            "lost (of images whose \u201cfinding\u201d is mass or non-mass, kept only if \u201cx\u201d is y; or "
            "\u201cyears\u201d is at least 2)",
        ),
    ],
)
def test_forms(form, value, text):
    assert FORMS[form](value) == text


def test_hashes_are_those_of_dvc(tmp_path):
    file = tmp_path / "weights"
    file.write_bytes(bytes(range(256)) * 5000)
    assert md5_of(file) == file_md5(str(file), LocalFileSystem())
