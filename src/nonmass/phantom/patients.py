"""Who is scanned: settings of the cohort, and the draws that belong to a patient rather than to one image."""

import math
from dataclasses import dataclass, replace

import numpy as np
from pydantic import Field

from nonmass.determinism import generator
from nonmass.params import Section
from nonmass.tables import FINDINGS, PATHOLOGIES

IMAGES_PER_PATIENT = (0.40, 0.32, 0.15, 0.07, 0.04, 0.02)  # share of patients with 1, 2, ... 6 images
SYMPTOMS = ("none", "palpable lump", "pain", "nipple discharge")
MIN_FOLLOW_UP_YEARS = 2.0  # after which a lesion without histology counts as benign


class PatientCounts(Section):
    """Patients per finding; every second one with a lesion has a malignant one."""

    normal: int = Field(ge=0, le=100_000)
    mass: int = Field(ge=0, le=100_000)
    non_mass: int = Field(ge=0, le=100_000)


class PhantomParams(Section):
    """The synthetic cohort. A patient's images depend on the seed and that patient's name alone.

    `ineligible` candidates come on top of `patients`; see `draw_ineligible`. So do the first `registered_twice` of each
    finding a second time: their screens are exported again under another name, which makes near-duplicates.
    """

    seed: int = Field(ge=0, lt=2**63)
    patients: PatientCounts
    ineligible: int = Field(default=0, ge=0, le=100_000)
    registered_twice: int = Field(default=0, ge=0, le=100_000)


@dataclass(frozen=True)
class Anatomy:
    """A breast's own style. Echo levels in dB against average fibroglandular tissue."""

    skin_mm: float
    fat_mm: float
    gland_mm: float
    retromammary_mm: float
    muscle_mm: float
    fat_db: float
    gland_db: float
    muscle_db: float
    lobule_mm: float
    ligament_db: float
    mottle_db: float


@dataclass(frozen=True)
class Lesion:
    """A mass or a non-mass lesion.

    Attributes:
        shape_key: From which a mass's contour and the ducts are drawn, the same in every view.
        size_mm: Diameter of the circle of equal area.
        aspect: Height over width; above 1 is "taller than wide".
        echo_db: Level against its surroundings.
        softness: Width of the margin as a share of the radius.
        irregularity: 0 (oval) to 1 (spiculated).
        excess_db: Two-way loss across the lesion; below 0 means posterior enhancement.
        halo_db: Level of the echogenic rim.
        mottle_db: Standard deviation of the level inside.
        n_specks: Microcalcifications.
        n_ducts: Dilated ducts that run into it.
    """

    shape_key: str
    size_mm: float
    aspect: float
    echo_db: float
    softness: float
    irregularity: float
    excess_db: float
    halo_db: float
    mottle_db: float
    n_specks: int
    n_ducts: int

    @property
    def longest_mm(self) -> float:
        """Longest diameter of its ellipse."""
        return self.size_mm * math.sqrt(max(self.aspect, 1 / self.aspect))


@dataclass(frozen=True)
class Diagnosis:
    """How a lesion's kind came to be known; all of it is empty for normal tissue.

    Attributes:
        seen_on_us: Whether ultrasound shows the lesion, "yes" or "no".
        by: "histology", "follow_up", or "" where the kind is unknown.
        follow_up_years: Since the scan; None without any.
    """

    seen_on_us: str = ""
    by: str = ""
    follow_up_years: float | None = None


@dataclass(frozen=True)
class Patient:
    """One synthetic patient: finding, anatomy, lesion (none that shows, if None) and clinical row.

    `first_name` is the name that her images are drawn by: another than `name` if she is registered a second time.
    """

    name: str
    finding: str
    pathology: str
    device_number: int
    n_images: int
    anatomy: Anatomy
    lesion: Lesion | None
    age_years: int
    birads: str
    symptoms: str
    diagnosis: Diagnosis
    first_name: str


def draw_cohort(params: PhantomParams) -> list[Patient]:
    """All patients, those who are registered a second time and the ineligible ones last."""
    counts = [(finding, getattr(params.patients, finding)) for finding in FINDINGS]
    patients = [draw_patient(params.seed, finding, number) for finding, n in counts for number in range(n)]
    again = [
        replace(draw_patient(params.seed, finding, number), name=f"{finding}-again-{number:05d}")
        for finding, n in counts
        for number in range(min(n, params.registered_twice))
    ]
    return patients + again + [draw_ineligible(params.seed, number) for number in range(params.ineligible)]


def draw_patient(seed: int, finding: str, number: int) -> Patient:
    """Draw one patient; a pure function of its arguments, so cohorts grow without changing anybody."""
    pathology = "" if finding == "normal" else PATHOLOGIES[number % 2]
    return _draw(seed, f"{finding}-{number:05d}", finding, pathology)


def draw_ineligible(seed: int, number: int) -> Patient:
    """Draw a candidate with a non-mass lesion who fails one criterion of the study, each of four in turn.

    Not seen on ultrasound (so the images show none), BI-RADS 0, neither pathology nor follow-up, lost to follow-up
    before it was long enough. Everything else is as in those who are included.
    """
    name = f"non_mass-x-{number:05d}"
    patient = _draw(seed, name, "non_mass", PATHOLOGIES[number // 4 % 2])
    match number % 4:
        case 0:
            return replace(patient, lesion=None, birads="1", diagnosis=replace(patient.diagnosis, seen_on_us="no"))
        case 1:
            return replace(patient, birads="0")
        case 2:
            return replace(patient, pathology="", diagnosis=Diagnosis("yes"))
        case _:
            years = generator(seed, "phantom lost", name).uniform(0.2, MIN_FOLLOW_UP_YEARS - 0.1)
            return replace(patient, pathology="", diagnosis=Diagnosis("yes", "", years))


def _draw(seed: int, name: str, finding: str, pathology: str) -> Patient:
    rng = generator(seed, "phantom", name)
    draw_lesion = {"mass": _draw_mass, "non_mass": _draw_non_mass}.get(finding)
    return Patient(
        name=name,
        finding=finding,
        pathology=pathology,
        device_number=int(rng.integers(3)),
        n_images=1 + int(rng.choice(len(IMAGES_PER_PATIENT), p=IMAGES_PER_PATIENT)),
        anatomy=_draw_anatomy(rng),
        age_years=int(np.clip(rng.normal(53 if pathology == "malignant" else 43, 11), 18, 88)),
        birads=_draw_birads(rng, pathology),
        symptoms=str(rng.choice(SYMPTOMS, p=(0.7, 0.05, 0.2, 0.05) if not pathology else (0.35, 0.45, 0.1, 0.1))),
        lesion=draw_lesion(rng, name, pathology == "malignant") if draw_lesion else None,
        diagnosis=_draw_diagnosis(seed, name, pathology),
        first_name=name,
    )


def _draw_diagnosis(seed: int, name: str, pathology: str) -> Diagnosis:
    """How long anybody is followed does not depend on the pathology; some benign lesions rest on it alone."""
    if not pathology:
        return Diagnosis()
    rng = generator(seed, "phantom diagnosis", name)
    years = float(rng.uniform(0.5, 6.0)) if rng.random() < 0.5 else None
    is_waited_for = pathology == "benign" and years is not None and years >= MIN_FOLLOW_UP_YEARS and rng.random() < 0.5
    return Diagnosis("yes", "follow_up" if is_waited_for else "histology", years)


def _draw_birads(rng: np.random.Generator, pathology: str) -> str:
    """BI-RADS category (ACR, 5th edition) with the overlap that readers have."""
    categories = ("1", "2", "3", "4a", "4b", "4c", "5")
    shares = {
        "": (0.8, 0.2, 0, 0, 0, 0, 0),
        "benign": (0, 0.12, 0.45, 0.30, 0.09, 0.03, 0.01),
        "malignant": (0, 0, 0.04, 0.14, 0.22, 0.30, 0.30),
    }
    return str(rng.choice(categories, p=shares[pathology]))


def _draw_anatomy(rng: np.random.Generator) -> Anatomy:
    return Anatomy(
        skin_mm=rng.uniform(1.2, 2.2),
        fat_mm=rng.uniform(3.5, 8.5),
        gland_mm=rng.uniform(12, 20),
        retromammary_mm=rng.uniform(1.0, 3.5),
        muscle_mm=rng.uniform(6, 10),
        fat_db=rng.normal(-13, 1.2),
        gland_db=rng.normal(0, 1.5),
        muscle_db=rng.normal(-11, 1.5),
        lobule_mm=rng.uniform(5, 9),
        ligament_db=rng.uniform(9, 15),
        mottle_db=rng.uniform(1.5, 3.0),
    )


def _size_mm(extent_mm: float, aspect: float) -> float:
    """Diameter of the disc of equal area, such that neither it nor the longest diameter gives the aspect away.

    A flat lesion of the same area is longer, one of the same length smaller: the extent lies half-way.
    """
    return float(extent_mm * max(aspect, 1 / aspect) ** -0.25)


def _draw_mass(rng: np.random.Generator, name: str, malignant: bool) -> Lesion:
    """Each cue is drawn apart, with overlap: some cancers are round, some fibroadenomas shadow.

    The cues are those of the ACR BI-RADS ultrasound lexicon: shape, orientation, margin, posterior features.
    """
    suspicious = (rng.random(6) < 0.86) == malignant  # does this cue point the right way?
    aspect = rng.uniform(0.95, 1.35) if suspicious[0] else rng.uniform(0.5, 0.75)
    return Lesion(
        shape_key=name,
        size_mm=_size_mm(rng.uniform(8.5, 16), aspect),
        aspect=aspect,
        echo_db=rng.normal(-13.5, 1.2),
        softness=rng.uniform(0.15, 0.30) if suspicious[1] else rng.uniform(0.03, 0.07),
        irregularity=rng.uniform(0.6, 1.0) if suspicious[2] else rng.uniform(0.0, 0.2),
        excess_db=rng.uniform(7, 12) if suspicious[3] else rng.uniform(-9, -4),
        halo_db=rng.uniform(4, 8) if suspicious[4] else 0.0,
        mottle_db=rng.uniform(5.0, 7.0) if suspicious[5] else rng.uniform(0.5, 1.5),
        n_specks=int(rng.poisson(6)) if malignant and rng.random() < 0.5 else 0,
        n_ducts=0,
    )


def _draw_non_mass(rng: np.random.Generator, name: str, malignant: bool) -> Lesion:
    """An area without a margin; specks, ducts and shadows point to malignancy, none surely; a few hardly show."""
    suspicious = (rng.random(5) < 0.84) == malignant
    aspect = rng.uniform(0.6, 1.0) if suspicious[0] else rng.uniform(0.45, 0.75)
    lesion = Lesion(
        shape_key=name,
        size_mm=_size_mm(rng.uniform(11, 18.5), aspect),
        aspect=aspect,
        echo_db=rng.normal(-14, 1.2),
        softness=rng.uniform(0.30, 0.45),
        irregularity=rng.uniform(0.5, 0.9),
        excess_db=rng.uniform(5, 10) if suspicious[1] else rng.uniform(-3, 1),
        halo_db=0.0,
        mottle_db=rng.uniform(6.5, 8.5) if suspicious[4] else rng.uniform(5.0, 6.5),
        n_specks=int(rng.integers(6, 18)) if suspicious[2] else 0,
        n_ducts=int(rng.integers(2, 5)) if suspicious[3] else 0,
    )
    is_subtle = rng.random() < 0.04
    return replace(lesion, echo_db=0.5 * lesion.echo_db, mottle_db=0.5 * lesion.mottle_db) if is_subtle else lesion
