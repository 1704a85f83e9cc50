"""Cohorts to be parted, drawn as tables: who is linked to whom is known by construction."""

import pandas as pd
from hypothesis import assume
from hypothesis import strategies as st

from nonmass.errors import InputError
from nonmass.linking import linked
from nonmass.params import validate
from nonmass.splitting import SplitParams, assign_parts
from nonmass.tasks import TaskParams

DETECT = {
    "positive": {"finding": "non_mass"},
    "negative": {"finding": "normal"},
    "ratio": [7, 1, 2],
    "unit": "patient",
}
CLASSIFY = {
    "positive": {"pathology": "malignant"},
    "negative": {"pathology": "benign"},
    "develop": {"finding": "mass"},
    "external": {"finding": "non_mass"},
    "ratio": [8, 1, 1],
    "unit": "patient",
}


def task(given=DETECT, **changes):
    return validate(given | changes, TaskParams, "params.yaml: tasks.test")


def parted(images, given=None, name="detect", seed=1, frozen=None, **params):
    return assign_parts(images, given or task(), name, SplitParams(seed=seed, **params), frozen)


def parted_if_large_enough(images, **settings):
    """As `parted`; Hypothesis drops an example with a part that got none of a class, which is refused by right."""
    try:
        return parted(images, **settings)
    except InputError as error:
        assume("add data or change" not in str(error))
        raise


def table(rows):
    """Images from rows (patient, finding, pathology, device, duplicate group), in which a further row changes no id."""
    frame = pd.DataFrame(rows, columns=["patient_id", "finding", "pathology", "device", "duplicate_group"])
    frame = frame.astype("string")
    frame["patient_group"] = frame["patient_id"]
    return frame.assign(image_id=[f"c-{n:05}" for n in range(len(frame))], cohort="c", excluded="")


def patient_rows(number, n_images, group=""):
    """Even patients have a non-mass lesion, odd ones are normal; three devices."""
    finding = ("non_mass", "normal")[number % 2]
    return [(f"p{number}", finding, "", f"device {number % 3}", group) for _ in range(n_images)]


def cohort(sizes, linked=()):
    """Patients with `sizes` images each; those of the numbers `linked` show one picture."""
    return table([row for n, size in enumerate(sizes) for row in patient_rows(n, size, "g" if n in linked else "")])


def duplicated(images, pairs):
    """The images after pairs of rows were found to show the same picture."""
    marks = pd.concat([pd.Series(images.index, name="mark"), *(pd.Series([min(p)], index=[max(p)]) for p in pairs)])
    rows = pd.Series(images.loc[marks.index, "image_id"].to_numpy()), pd.Series(marks.to_numpy())
    name = pd.Series(linked(*rows).to_numpy(), index=rows[0]).groupby(level=0).min()
    group = images["image_id"].map(name)
    return images.assign(duplicate_group=group.where(group.duplicated(keep=False), "").astype("string"))


cohorts = st.builds(
    cohort,
    st.lists(st.integers(1, 6), min_size=60, max_size=120),
    linked=st.frozensets(st.integers(0, 59), max_size=3),
)


@st.composite
def grown_cohorts(draw):
    """A cohort, and the same after additions: patients, images of old patients, duplicates of anybody's images."""
    sizes = draw(st.lists(st.integers(1, 5), min_size=60, max_size=90))
    old = [row for n, size in enumerate(sizes) for row in patient_rows(n, size)]
    news = draw(st.lists(st.tuples(st.integers(0, len(sizes) + 30), st.integers(1, 4)), max_size=25))
    new = [row for number, n in news for row in patient_rows(number, n)]
    known = draw(st.lists(st.tuples(*[st.integers(0, len(old) - 1)] * 2), max_size=6))
    found = []
    if new:
        later = st.integers(len(old), len(old) + len(new) - 1)
        found = draw(st.lists(st.tuples(st.integers(0, len(old) + len(new) - 1), later), max_size=10))
    return duplicated(table(old), known), duplicated(table(old + new), known + found)
