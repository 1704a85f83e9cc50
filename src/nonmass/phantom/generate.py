"""From a patient to files: simulate a view, dress it as an exported screen, write the cohort."""

import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from tqdm import tqdm

from nonmass.determinism import generator
from nonmass.errors import InputError
from nonmass.files import whole_file
from nonmass.geometry import Box
from nonmass.phantom.acoustics import Floats, Settings, draw_settings, image_of
from nonmass.phantom.calipers import draw_calipers, mark
from nonmass.phantom.distractors import draw_distractors, with_distractors
from nonmass.phantom.lesions import with_lesion
from nonmass.phantom.patients import Patient, PhantomParams, draw_cohort
from nonmass.phantom.screen import LAYOUTS, Screen, draw_words, dress, field_box, in_screen
from nonmass.phantom.tissue import draw_tissue
from nonmass.tables import FINDINGS, PATHOLOGIES, Table

IMAGES = Table(
    name="phantom images",
    columns={
        "file": "text",  # relative to the cohort's folder
        "patient": "text",
        "finding": "text",
        "pathology": "text",  # empty for normal tissue, or unknown
        "device": "text",
        "mask": "text",  # relative to the cohort's folder; empty where no lesion shows
        "fov_x0_px": "int",  # true field of view on the screen, half-open
        "fov_y0_px": "int",
        "fov_x1_px": "int",
        "fov_y1_px": "int",
        "n_calipers": "int",  # marks, two a distance
    },
    key=("file",),
    allowed={"finding": FINDINGS, "pathology": (*PATHOLOGIES, "")},
)

PATIENTS = Table(
    name="phantom patients",
    columns={
        "patient": "text",
        "age_years": "int",
        "lesion_size_mm": "text",  # longest diameter; empty where no lesion shows
        "birads": "text",
        "seen_on_us": "text",  # yes, no, or empty for normal tissue
        "diagnosed_by": "text",  # histology, follow_up, or empty
        "follow_up_years": "text",  # or empty
        "symptoms": "text",
        "device": "text",
    },
    key=("patient",),
)


@dataclass(frozen=True)
class Export:
    """One exported screen and its truth.

    Attributes:
        screen: (height, width, 3) BGR.
        mask: (height, width) 255 in the lesion; None where none shows.
        box: True field of view.
        n_calipers: Marks in the field.
        jpeg_quality: The device's.
    """

    screen: Screen
    mask: NDArray[np.uint8] | None
    box: Box
    n_calipers: int
    jpeg_quality: int


def simulate(seed: int, patient: Patient, image_number: int) -> tuple[Floats, NDArray[np.uint8], Settings]:
    """Scan a patient once: gray levels 0-255 and lesion (0 or 255), both (rows, columns), and the settings."""
    rng = generator(seed, "phantom", patient.first_name, image_number)
    settings = draw_settings(rng, LAYOUTS[patient.device_number].probe_mm)
    tissue = draw_tissue(rng, patient.anatomy, settings.shape)
    has_shadow = patient.lesion is not None and patient.lesion.excess_db > 3
    distractors = draw_distractors(rng, patient.lesion is not None, has_shadow)
    tissue = with_distractors(rng, tissue, patient.anatomy, distractors)
    area = np.zeros(settings.shape, np.bool_)
    if patient.lesion:
        tissue, area = with_lesion(rng, tissue, patient.lesion, seed, patient.finding == "mass")
    gray = image_of(tissue.echo_db, tissue.excess_db_per_mm, settings, rng)
    return gray, area.astype(np.uint8) * 255, settings


def draw_export(seed: int, patient: Patient, image_number: int) -> Export:
    """Draw one screen: a pure function of the seed, the patient and the image's number."""
    layout = LAYOUTS[patient.device_number]
    gray, area, settings = simulate(seed, patient, image_number)
    screen = dress(layout, gray, settings, draw_words(generator(seed, "phantom", patient.name, "words")))
    box, mask = field_box(layout, settings), in_screen(layout, area, settings)
    calipers = draw_calipers(generator(seed, "phantom", patient.first_name, image_number, "calipers"), box, mask)
    mark(screen, layout, calipers)
    return Export(screen, mask if patient.lesion else None, box, 2 * len(calipers), layout.jpeg_quality)


def write_cohort(params: PhantomParams, folder: Path) -> None:
    """Write `images/`, `masks/`, `images.csv` and `patients.csv`.

    Threads serve better than processes here: NumPy and OpenCV let go of the interpreter while they compute.

    Raises:
        InputError: The folder holds images of another cohort.
    """
    patients = draw_cohort(params)
    _refuse_strangers(folder, patients)
    parallel = Parallel(n_jobs=os.cpu_count(), prefer="threads", return_as="generator")
    done = parallel(delayed(_write_patient)(params.seed, patient, folder) for patient in patients)
    rows = [row for rows in tqdm(done, total=len(patients), desc="phantom", unit="patient") for row in rows]
    _write_table(IMAGES, rows, folder / "images.csv")
    _write_table(PATIENTS, map(_clinical_row, patients), folder / "patients.csv")


def _write_table(table: Table, rows: Iterable[dict[str, Any]], path: Path) -> None:
    table.write(pd.DataFrame(list(rows), columns=list(table.columns)), path)


def _write_patient(seed: int, patient: Patient, folder: Path) -> list[dict[str, Any]]:
    """Write a patient's images; return their rows."""
    return [_write_image(seed, patient, number, folder) for number in range(1, patient.n_images + 1)]


def _write_image(seed: int, patient: Patient, image_number: int, folder: Path) -> dict[str, Any]:
    export = draw_export(seed, patient, image_number)
    file = f"images/{patient.name}-{image_number}.jpg"
    mask = f"masks/{patient.name}-{image_number}.png" if export.mask is not None else ""
    with whole_file(folder / file) as temporary:
        cv2.imwrite(str(temporary), export.screen, [cv2.IMWRITE_JPEG_QUALITY, export.jpeg_quality])
    if export.mask is not None:
        with whole_file(folder / mask) as temporary:
            cv2.imwrite(str(temporary), export.mask, [cv2.IMWRITE_PNG_COMPRESSION, 3])
    box = {f"fov_{edge}_px": value for edge, value in asdict(export.box).items()}
    return {
        "file": file,
        "patient": patient.name,
        "finding": patient.finding,
        "pathology": patient.pathology,
        "device": LAYOUTS[patient.device_number].device,
        "mask": mask,
        **box,
        "n_calipers": export.n_calipers,
    }


def _clinical_row(patient: Patient) -> dict[str, Any]:
    years = patient.diagnosis.follow_up_years
    return {
        "patient": patient.name,
        "age_years": patient.age_years,
        "lesion_size_mm": f"{patient.lesion.longest_mm:.1f}" if patient.lesion else "",
        "birads": patient.birads,
        "seen_on_us": patient.diagnosis.seen_on_us,
        "diagnosed_by": patient.diagnosis.by,
        "follow_up_years": "" if years is None else f"{years:.1f}",
        "symptoms": patient.symptoms,
        "device": LAYOUTS[patient.device_number].device,
    }


def _refuse_strangers(folder: Path, patients: list[Patient]) -> None:
    """Images of an earlier, larger cohort would stay behind, in no table, and confuse whoever reads the folder."""
    ours = {f"{patient.name}-{n}" for patient in patients for n in range(1, patient.n_images + 1)}
    for path in sorted(folder.glob("*/*.*")):
        if path.stem not in ours:
            raise InputError(f"{path}: not of this cohort; remove {folder} and run again")
