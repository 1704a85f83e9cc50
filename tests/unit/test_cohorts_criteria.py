"""Inclusion and exclusion against a reading of the rules row by row, and on tables whose answer is known."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_series_equal

from nonmass.cohorts.criteria import Criteria, apply_criteria, words_of_nobody
from nonmass.errors import InputError
from nonmass.params import validate

# BMC Med Inform Decis Mak 2023;23:174, Methods: who is included, then who is excluded.
STUDY = [
    {"name": "no lesion", "keep": {"finding": ["mass", "non_mass"]}},
    {
        "name": "neither pathology nor two years of follow-up",
        "of": {"finding": "non_mass"},
        "keep": [{"diagnosed_by": "histology"}, {"follow_up_years": {"min": 2}}],
    },
    {"name": "not seen on ultrasound", "drop": {"seen_on_us": "no"}},
    {"name": "BI-RADS 0", "drop": {"birads": "0"}},
]
# finding, diagnosed_by, follow_up_years, seen_on_us, birads; the index of the rule that the row fails first
CANDIDATES = [
    ("normal", "", "", "", "1", 0),
    ("non_mass", "histology", "", "yes", "4a", None),
    ("non_mass", "follow_up", "2", "yes", "3", None),
    ("non_mass", "", "2.5", "yes", "3", None),
    ("non_mass", "", "1.9", "yes", "3", 1),
    ("non_mass", "", "", "yes", "3", 1),
    ("mass", "", "", "yes", "3", None),
    ("non_mass", "", "", "no", "0", 1),
    ("mass", "", "", "no", "0", 2),
    ("non_mass", "histology", "", "yes", "0", 3),
]
CLINICAL = ["diagnosed_by", "follow_up_years", "seen_on_us", "birads"]


def rules(*content):
    return validate(list(content), Criteria, "params.yaml: criteria")


def tables(cells, of_patient):
    """Rows of one image a patient, and their patients."""
    cells = pd.DataFrame(cells, dtype="string").assign(cohort="c", patient_id=[f"c-{n:04}" for n in range(len(cells))])
    return cells.drop(columns=of_patient), cells[["cohort", "patient_id", *of_patient]]


def test_the_criteria_of_the_study():
    images, patients = tables(
        [dict(zip(["finding", *CLINICAL], row[:-1], strict=True)) for row in CANDIDATES], CLINICAL
    )
    expected = ["" if row[-1] is None else STUDY[row[-1]]["name"] for row in CANDIDATES]
    assert list(apply_criteria(images, patients, rules(*STUDY))) == expected


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "finding": st.sampled_from(["normal", "mass", "non_mass"]),
            "device": st.sampled_from(["", "X", "Y"]),
            "birads": st.sampled_from(["", "0", "3", "4a"]),
            "years": st.sampled_from(["", "0", "1.5", "2", "1e1", "-3"]),
        }
    ),
    min_size=1,
    max_size=12,
)
WORDS = st.sampled_from(["X", "3", "4a", "2"])
BOUND = st.sampled_from([-3, 0, 1.5, 2])
KNOWN = st.fixed_dictionaries({"known": st.booleans()})
TEXTS = WORDS | st.lists(WORDS, min_size=1, max_size=3)
NUMBERS = st.fixed_dictionaries({"min": BOUND}) | st.fixed_dictionaries({"max": BOUND})
NUMBERS |= st.tuples(BOUND, BOUND).map(lambda pair: {"min": min(pair), "max": max(pair)})
FINDING = st.sampled_from(["mass", "non_mass"])
CELLS = {"finding": FINDING, "device": TEXTS | KNOWN, "birads": TEXTS | KNOWN, "years": TEXTS | NUMBERS | KNOWN}
CONDITION = st.fixed_dictionaries({}, optional=CELLS).filter(bool)
CONDITIONS = CONDITION | st.lists(CONDITION, min_size=1, max_size=3)
RULE = st.tuples(st.sampled_from(["keep", "drop"]), CONDITIONS, st.none() | CONDITION)


@st.composite
def rule_lists(draw):
    parts = draw(st.lists(RULE, max_size=4))
    return [
        {"name": f"rule {number}", verb: conditions, **({"of": of} if of else {})}
        for number, (verb, conditions, of) in enumerate(parts)
    ]


def holds(cell, wanted):
    if isinstance(wanted, dict) and "known" in wanted:
        return bool(cell) == wanted["known"]
    if not cell:
        return False
    if isinstance(wanted, dict):
        return wanted.get("min", -1e9) <= float(cell) <= wanted.get("max", 1e9)
    return cell in ([wanted] if isinstance(wanted, str) else wanted)


def meets(row, condition):
    return all(holds(row[column], wanted) for column, wanted in condition.items())


def read_aloud(row, content):
    """What a person would do with the rules and one row."""
    for rule in content:
        verb = "keep" if "keep" in rule else "drop"
        conditions = rule[verb] if isinstance(rule[verb], list) else [rule[verb]]
        met = any(meets(row, condition) for condition in conditions)
        if meets(row, rule.get("of", {})) and met == (verb == "drop"):
            return rule["name"]
    return ""


@given(ROWS, rule_lists())
def test_rules_say_what_they_read_like(rows, content):
    images, patients = tables(rows, ["birads", "years"])
    assert list(apply_criteria(images, patients, rules(*content))) == [read_aloud(row, content) for row in rows]


@given(ROWS, rule_lists(), st.randoms(use_true_random=False))
def test_the_order_of_rows_plays_no_part(rows, content, random):
    images, patients = tables(rows, ["birads", "years"])
    order = random.sample(range(len(rows)), len(rows))
    shuffled = apply_criteria(images.iloc[order], patients.iloc[order[::-1]], rules(*content))
    assert_series_equal(shuffled.sort_index(), apply_criteria(images, patients, rules(*content)))


@given(ROWS, rule_lists(), st.integers(0, 4))
def test_a_rule_sees_only_what_earlier_rules_left(rows, content, n):
    """So the rules may be applied in two goes, the second to what the first has left."""
    images, patients = tables(rows, ["birads", "years"])
    first = apply_criteria(images, patients, rules(*content[:n]))
    second = apply_criteria(images[first == ""], patients, rules(*content[n:]))
    assert_series_equal(first.mask(first == "", second), apply_criteria(images, patients, rules(*content)))


@given(ROWS, CONDITIONS)
def test_keep_and_drop_are_opposites(rows, conditions):
    images, patients = tables(rows, ["birads", "years"])
    kept, dropped = (
        apply_criteria(images, patients, rules({"name": "n", verb: conditions})) for verb in ("keep", "drop")
    )
    assert ((kept == "") != (dropped == "")).all()


def test_a_row_that_is_gone_may_hold_anything():
    images, patients = tables([{"finding": "mass", "years": "many"}, {"finding": "non_mass", "years": "3"}], ["years"])
    young = {"name": "young", "drop": {"years": {"max": 2}}}
    masses = {"name": "mass", "drop": {"finding": "mass"}}
    assert list(apply_criteria(images, patients, rules(masses, young))) == ["mass", ""]
    of_others = rules(young | {"of": {"finding": "non_mass"}})
    assert list(apply_criteria(images, patients, of_others)) == ["", ""]
    with pytest.raises(InputError, match="rule 'young': column 'years' holds no number in 1 row"):
        apply_criteria(images, patients, rules(young, masses))


@pytest.mark.parametrize("cell", ["Ms Smith", "nan", "inf", "-inf", "2,5", "2 years", "1_0", "0x1", "True", "<1"])
def test_what_is_no_number_is_counted_and_never_shown(cell):
    images, patients = tables([{"finding": "mass", "years": cell}] * 2 + [{"finding": "mass", "years": "1"}], ["years"])
    with pytest.raises(InputError) as error:
        apply_criteria(images, patients, rules({"name": "late", "keep": {"years": {"min": 0, "max": 9}}}))
    assert str(error.value) == (
        "criteria, rule 'late': column 'years' holds no number in 2 row(s) of c; give numbers with a "
        "decimal point, or mend the cells (an empty one is unknown)"
    )


def test_cells_that_hold_no_number_are_those_of_their_cohorts():
    images, patients = tables([{"years": years} for years in ("2,5", "1", "2 y", "3")], ["years"])
    images["cohort"] = patients["cohort"] = ["b", "c", "a", "a"]
    with pytest.raises(InputError, match=r"in 2 row\(s\) of a, b; give numbers with a decimal point"):
        apply_criteria(images, patients, rules({"name": "late", "keep": {"years": {"min": 0}}}))


def test_a_word_that_nobody_has_is_told_without_any_cell():
    cells = [{"finding": "mass", "birads": "0", "histology": "ja", "note": "Ms Smith"}]
    images, patients = tables(cells, ["birads", "histology", "note"])
    criteria = rules(
        {"name": "BI-RADS 0", "of": {"finding": "non_mass", "note": "Ms Roe"}, "drop": {"birads": ["BIRADS 0", "0"]}},
        {"name": "known", "keep": [{"histology": "JA"}, {"histology": {"known": True}}, {"birads": {"min": 7}}]},
        {"name": "of another table", "drop": {"elsewhere": "x"}},
    )
    ask = "; is it spelt as in the table?"
    assert words_of_nobody(images, patients, criteria) == [
        f"'BI-RADS 0': no cell of note is 'Ms Roe'{ask}",
        f"'BI-RADS 0': no cell of birads is 'BIRADS 0'{ask}",
        f"'known': no cell of histology is 'JA'{ask}",
    ]


def test_a_column_of_nobody_is_named_even_if_no_row_is_left():
    images, patients = tables([{"finding": "mass", "birads": "0"}], ["birads"])
    gone = {"name": "gone", "drop": {"finding": "mass"}}
    with pytest.raises(InputError, match=r"rule 'x': no cohort has a column 'bi-rads'; there are finding, cohort, pat"):
        apply_criteria(images, patients, rules(gone, {"name": "x", "drop": {"bi-rads": "0"}}))


def test_a_column_of_one_cohort_is_unknown_in_the_others():
    images = pd.DataFrame({"cohort": ["a", "b", "b"], "patient_id": ["a-1", "b-1", "b-2"]}, dtype="string")
    patients = pd.DataFrame({"cohort": ["a", "b"], "patient_id": ["a-1", "b-1"], "birads": ["0", None]}, dtype="string")
    dropped = apply_criteria(images, patients, rules({"name": "n", "drop": {"birads": "0"}}))
    unknown = apply_criteria(images, patients, rules({"name": "n", "drop": {"birads": {"known": False}}}))
    assert list(dropped) == ["n", "", ""] and list(unknown) == ["", "n", "n"]


def test_a_column_of_both_tables_is_that_of_the_image():
    images = pd.DataFrame({"cohort": "a", "patient_id": "a-1", "device": ["X", "Y"], "width_px": [100, 200]})
    patients = pd.DataFrame({"cohort": ["a"], "patient_id": ["a-1"], "device": ["X"]}, dtype="string")
    reasons = apply_criteria(images, patients, rules({"name": "n", "drop": {"device": "Y"}}))
    assert list(reasons) == ["", "n"]
    assert list(apply_criteria(images, patients, rules({"name": "n", "keep": {"width_px": {"max": 150}}}))) == ["", "n"]


def test_no_rules_and_no_rows():
    images, patients = tables([{"finding": "mass", "birads": "0"}], ["birads"])
    assert list(apply_criteria(images, patients, rules())) == [""]
    assert len(apply_criteria(images[:0], patients, rules({"name": "n", "drop": {"birads": "0"}}))) == 0


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"name": "n"}, r"criteria.0: give conditions under either keep or drop"),
        ({"name": "n", "drop": []}, "either keep or drop"),
        ({"name": "n", "drop": {"x": "1"}, "keep": {"x": "2"}}, "either keep or drop"),
        ({"name": "n", "drop": {}}, "criteria.0.drop: dictionary should have at least 1 item"),
        ({"name": "n", "drop": "x"}, "criteria.0.drop: input should be a valid array"),
        ({"name": "n", "drop": {"birads": 0}}, r'criteria.0.drop.birads: put a text in quotes \("0"\), and a number'),
        ({"name": "n", "drop": {"seen": False}}, "put a text in quotes"),
        ({"name": "n", "drop": {"birads": ["3", 0]}}, "criteria.0.drop.birads.1: .*valid string"),
        ({"name": "n", "drop": {"birads": ""}}, "an empty text is an unknown value: write {known: false}"),
        ({"name": "n", "drop": {"birads": []}}, "give a text, a list of texts"),
        ({"name": "n", "drop": {"age": {"min": 2, "known": True}}}, "give a text, a list of texts"),
        ({"name": "n", "drop": {"age": {"min": 2, "max": 1}}}, "no number is at least 2 and at most 1"),
        ({"name": "n", "drop": {"age": {"min": "2"}}}, "criteria.0.drop.age.min: .*valid number"),
        ({"name": "n", "drop": {"age": {"above": 2}}}, "unknown key; allowed: known, max, min"),
        (
            {"name": "n", "of": {"finding": "cyst"}, "drop": {"x": "1"}},
            "of: finding cannot be 'cyst'; allowed: 'normal'",
        ),
        ({"name": "n", "unless": 1, "drop": {"x": "1"}}, "unknown key; allowed: drop, keep, name, of"),
        ({"name": "-", "drop": {"x": "1"}}, "criteria.0.name: must be one line with letters or digits"),
        ({"name": "a\nb", "drop": {"x": "1"}}, "must be one line"),
        ({"name": "Exact  duplicate", "drop": {"x": "1"}}, "have one name: 'exact duplicate' and 'Exact  duplicate'"),
    ],
)
def test_rules_that_say_nothing_or_two_things(rule, message):
    with pytest.raises(InputError, match=message) as error:
        rules(rule)
    assert len(str(error.value).splitlines()) == 1 or "\n" in rule["name"]


def test_two_rules_need_two_names():
    same = [{"name": name, "drop": {"x": "1"}} for name in ("BI-RADS 0", "bi_rads 0")]
    with pytest.raises(InputError, match="two reasons have one name: 'BI-RADS 0' and 'bi_rads 0'"):
        rules(*same)
