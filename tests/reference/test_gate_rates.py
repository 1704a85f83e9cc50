"""How often the gate cries wolf, and how often it hears one: simulated retrainings whose true quality is known."""

from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest

from nonmass.determinism import generator
from nonmass.gate.compare import Comparable, Key, Pair
from nonmass.gate.rules import Rules
from nonmass.gate.verdicts import judge

RULES = Rules(margin=0.05, act_at=0.1, level=0.95, removed=(), parts=("test",))
WITHIN = 0.6  # correlation of one patient's images
EXTERNAL = (228, 870)  # patients and images of the study's data set C
TEST = (165, 375)  # images of the study's test part of A; patients in proportion


def drawn_pair(rng, patients, images, areas, between):
    """Half of the patients positive, every one with an image or more; logits of both revisions, normal in each class.

    Args:
        rng: Random generator.
        patients: How many.
        images: How many, at least as many.
        areas: True AUC of baseline and new revision.
        between: Correlation of the two revisions' scores of an image, given its class.
    """
    patient = np.sort(np.concatenate([np.arange(patients), rng.integers(0, patients, images - patients)]))
    truth = patient % 2

    def noise():
        return np.sqrt(WITHIN) * rng.normal(size=patients)[patient] + np.sqrt(1 - WITHIN) * rng.normal(size=images)

    shared = noise()
    shifts = [np.sqrt(2) * NormalDist().inv_cdf(area) for area in areas]
    base, head = (shift * truth + np.sqrt(between) * shared + np.sqrt(1 - between) * noise() for shift in shifts)
    names = [f"p{code:04}" for code in patient]
    return Pair(pd.DataFrame({"patient_id": names, "truth": truth, "base": base, "head": head}), None)


def verdicts(purpose, number, rows, between=0.8):
    """Of a table with a row for each (size, true areas); a dict, as the worst stand first in a list."""
    rng = generator(1, "gate", purpose, number)
    keys = [Key("detect", f"b{n}", "test") for n in range(len(rows))]
    pairs = {key: drawn_pair(rng, *size, areas, between) for key, (size, areas) in zip(keys, rows, strict=True)}
    judged = {row.key: row.verdict for row in judge(Comparable(pairs), RULES)}
    return [judged[key] for key in keys]


EQUAL, LOSS = (0.85, 0.85), (0.85, 0.80)


@pytest.mark.long
@pytest.mark.parametrize("sizes", [[(24, 49), (24, 49), (15, 34), (15, 34)], [TEST, TEST, EXTERNAL, EXTERNAL]])
def test_equal_models_fail_in_at_most_five_of_a_hundred_tables(sizes):
    """Of four rows each, as small as the demo's validation parts and as large as the study's."""
    tables = [verdicts("equal", number, [(size, EQUAL) for size in sizes]) for number in range(200)]
    assert np.mean(["worse" in table for table in tables]) <= 0.05


@pytest.mark.long
@pytest.mark.parametrize(
    ("size", "alone", "among_four"), [(EXTERNAL, 0.865, 0.695), (TEST, 0.69, 0.485)], ids=["external", "test"]
)
def test_power_against_a_loss_of_five_points_is_what_the_document_says(size, alone, among_four):
    """A model that loses 0.05, judged alone and beside three that lose nothing; two standard errors of 200 draws."""
    found = [verdicts("loss", number, [(size, LOSS)])[0] for number in range(200)]
    others = [verdicts("loss", number, [(size, LOSS), *[(size, EQUAL)] * 3])[0] for number in range(200)]
    rates = [np.mean([verdict == "worse" for verdict in verdicts]) for verdicts in (found, others)]
    assert rates == pytest.approx([alone, among_four], abs=0.07)
