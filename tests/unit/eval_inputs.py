"""What the evaluating stages read beside predictions: 90 images of 30 patients, three each."""

import pandas as pd

from nonmass.tables import FOV_INDEX, MANIFEST, MARKS, PATIENTS

IMAGES = [f"phantom-{n:016x}" for n in range(90)]


def write_images(folder, linked=None):
    """`linked`: patient -> patient of whom she has a byte-identical file."""
    patient = pd.Series([f"p{n // 3}" for n in range(90)])
    manifest = pd.DataFrame({"image_id": IMAGES, "patient_id": patient, "patient_group": patient.replace(linked or {})})
    manifest = manifest.assign(cohort="phantom", path=IMAGES, frame=0, finding="normal", pathology="", us_regions="")
    manifest = manifest.assign(width_px=9, height_px=9, mask_path="", mask_id="", excluded="")
    MANIFEST.write(manifest.assign(device=["Phantom A", "Phantom B"] * 45), folder / "manifest.csv")
    fields = pd.DataFrame({"image_id": IMAGES}).assign(x0_px=0, y0_px=0, x1_px=9, y1_px=9, polygon="", panels="")
    fields = fields.assign(method="agreement", estimators="core", confidence=1.0, flags="", reject="", accepted=1)
    FOV_INDEX.write(fields.assign(duplicate_group=""), folder / "fov.csv")
    marks = pd.DataFrame({"image_id": IMAGES[::2]}).assign(mark=1, kind="caliper", x0_px=1, y0_px=1, x1_px=2, y1_px=2)
    MARKS.write(marks.assign(area_px=1), folder / "marks.csv")
    ages = [str(30 + number) for number in range(30)]
    patients = pd.DataFrame({"patient_id": [f"p{number}" for number in range(30)], "age_years": ages})
    PATIENTS.write(patients.assign(cohort="phantom"), folder / "patients.csv")
