"""No single number of an image may stand for the class: a network has to look at the picture."""

import cv2
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from nonmass.determinism import generator
from nonmass.phantom.acoustics import draw_settings
from nonmass.phantom.calipers import draw_calipers
from nonmass.phantom.generate import draw_export, simulate
from nonmass.phantom.patients import draw_patient
from nonmass.phantom.screen import LAYOUTS, field_box, in_screen

LIMIT = 0.65
N_PATIENTS = {"normal": 80, "mass": 110, "non_mass": 90}


def features(export):
    """What a shortcut could use, of the field's crop and of the exported file."""
    field = cv2.cvtColor(export.screen[export.box.slices], cv2.COLOR_BGR2GRAY)
    quality = [cv2.IMWRITE_JPEG_QUALITY, export.jpeg_quality]
    return {
        "mean": field.mean(),
        "standard deviation": field.std(),
        "median": np.median(field),
        "dark share": (field < 30).mean(),
        "bright share": (field > 170).mean(),
        "sharpness": cv2.Laplacian(field, cv2.CV_64F).var(),
        "sharpness of a thumbnail": cv2.Laplacian(cv2.resize(field, (128, 128)), cv2.CV_64F).var(),
        "width": export.box.width,
        "height": export.box.height,
        "aspect": export.box.width / export.box.height,
        "calipers": export.n_calipers,
        "file size": len(cv2.imencode(".jpg", export.screen, quality)[1]),
    }


@pytest.fixture(scope="module")
def table():
    """One image a patient, so that rows are independent."""
    rows = []
    for finding, count in N_PATIENTS.items():
        for number in range(count):
            patient = draw_patient(1, finding, number)
            truth = {"finding": finding, "pathology": patient.pathology}
            rows.append(truth | features(draw_export(1, patient, 1)))
    return pd.DataFrame(rows)


@pytest.mark.slow
def test_the_length_of_a_measurement_does_not_tell_what_is_measured():
    """The line between two calipers is as long in normal tissue as on a lesion."""
    rows = []
    for finding in ("normal", "non_mass"):
        for number in range(100):
            patient = draw_patient(1, finding, number)
            rng = generator(1, "phantom", patient.name, 1, "calipers")
            settings = draw_settings(generator(1, "phantom", patient.name, 1), LAYOUTS[patient.device_number].probe_mm)
            box, mask = field_box(LAYOUTS[patient.device_number], settings), np.zeros(())
            if patient.lesion:
                _, area, settings = simulate(1, patient, 1)
                mask = in_screen(LAYOUTS[patient.device_number], area, settings)
            for caliper in draw_calipers(rng, box, mask):
                length = np.hypot(*np.subtract(caliper.end, caliper.start)) / box.width
                rows.append((finding, length))
    lengths = pd.DataFrame(rows, columns=["finding", "share"])
    auc = roc_auc_score(lengths["finding"] == "non_mass", lengths["share"])
    assert len(lengths) > 100 and max(auc, 1 - auc) <= LIMIT


@pytest.mark.parametrize("finding", ["mass", "non_mass"])
@pytest.mark.parametrize("size", ["longest_mm", "size_mm"])
def test_the_size_of_a_lesion_does_not_tell_the_classes_apart(finding, size):
    patients = [draw_patient(1, finding, number) for number in range(1000)]
    malignant = [patient.pathology == "malignant" for patient in patients]
    auc = roc_auc_score(malignant, [getattr(patient.lesion, size) for patient in patients])
    assert max(auc, 1 - auc) <= LIMIT


@pytest.mark.slow
@pytest.mark.parametrize(
    ("chosen", "column", "positive"),
    [
        (("normal", "non_mass"), "finding", "non_mass"),
        (("mass",), "pathology", "malignant"),
        (("non_mass",), "pathology", "malignant"),
    ],
    ids=["detect", "classify masses", "classify non-mass lesions"],
)
def test_no_single_number_tells_the_classes_apart(table, chosen, column, positive):
    rows = table[table["finding"].isin(chosen)]
    names = table.columns.drop(["finding", "pathology"])
    auc = pd.Series({name: roc_auc_score(rows[column] == positive, rows[name]) for name in names})
    apart = auc.where(auc >= 0.5, 1 - auc)
    assert apart.max() <= LIMIT, f"\n{apart.sort_values(ascending=False).head()}"
