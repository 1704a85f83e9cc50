"""How long the data stages take and how much memory, beside what decoding the same files alone takes.

Figures of one run on one machine: compare the ratios, not the seconds.
"""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import joblib
import pandas as pd
import psutil

from nonmass.cohorts.manifest import CohortNames
from nonmass.errors import InputError
from nonmass.images import read_gray
from nonmass.params import read_section
from nonmass.phantom.generate import IMAGES, PATIENTS, write_cohort
from nonmass.phantom.patients import PatientCounts, PhantomParams
from nonmass.tables import FOV_OVERRIDES

# Of the study: 596 volunteers, 3447 patients with masses, 228 with non-mass lesions.
SHARES = {"normal": 0.14, "mass": 0.807, "non_mass": 0.053}
IMAGES_A_PATIENT = 2.0  # a little fewer than phantoms have, so that there are enough
POLL_S = 0.05

STAGES = {
    "ingest": "ingest.py phantom data/raw data/cohorts/phantom",
    "manifest": "manifest.py data/cohorts data/manifest.csv data/patients.csv data/copies.csv "
    "reports/ingest_problems.csv metrics/data.json",
    "fov": "fov.py data/raw data/manifest.csv data/fov_overrides.csv data/fov/index.csv data/fov/duplicates.csv "
    "metrics/fov.json data/fov/layouts.csv",
    "text": "text.py data/raw data/manifest.csv data/fov/index.csv data/fov/text.csv metrics/text.json",
    "crop": "crop.py data/raw data/manifest.csv data/fov/index.csv data/fov/text.csv data/fov/images "
    "data/fov/crops.csv data/fov/marks.csv",
    "split": "split.py data/manifest.csv data/patients.csv data/fov/index.csv splits data/splits metrics/split.json",
}


@dataclass(frozen=True)
class Cost:
    """Of one command: wall time, and the most memory that it and its children held at one time."""

    seconds: float
    peak_mib: float


def bench_data(project: Path, folder: Path, sizes: tuple[int, ...]) -> pd.DataFrame:
    """Phantom screens through the stages from ingest to split, for every size.

    Args:
        project: Holds `stages/` and the `params.yaml` that counts.
        folder: Gets the screens, once, and a folder a size.
        sizes: Numbers of screens.

    Returns:
        One row a size and stage: `screens`, `stage`, `seconds`, `ms_a_screen`, `times_decoding` (against reading all
        files as gray on the same cores), `times_smallest` (time a screen against that at the smallest size),
        `peak_mib` (resident memory of all its processes together).
    """
    params = project / "params.yaml"
    if read_section("cohorts", CohortNames, params).root != ("phantom",):
        raise InputError(f"{params}: cohorts must be [phantom] here; apply profile demo")
    phantoms = folder / "phantoms"
    if not (phantoms / "images.csv").is_file():
        write_cohort(_params(max(sizes)), phantoms)
    rows = []
    for size in sorted(sizes):
        place = folder / str(size)
        files = _subset(phantoms, place / "data" / "raw" / "phantom", size)
        (place / "params.yaml").write_bytes(params.read_bytes())
        FOV_OVERRIDES.write(pd.DataFrame(columns=list(FOV_OVERRIDES.columns)), place / "data" / "fov_overrides.csv")
        decoding = _decode(files)
        rows.append({"screens": size, "stage": "decoding alone", "seconds": decoding, "times_decoding": 1.0})
        for stage, words in STAGES.items():
            script, *arguments = words.split()
            cost = measure([sys.executable, str(project.resolve() / "stages" / script), *arguments], place)
            times = {"times_decoding": cost.seconds / decoding, "peak_mib": cost.peak_mib}
            rows.append({"screens": size, "stage": stage, "seconds": cost.seconds, **times})
    table = pd.DataFrame(rows)
    table["ms_a_screen"] = 1000 * table["seconds"] / table["screens"]
    table["times_smallest"] = table["ms_a_screen"] / table.groupby("stage")["ms_a_screen"].transform("first")
    return table


def measure(command: list[str], place: Path) -> Cost:
    """Run a command to its end in a folder; memory is looked at twenty times a second.

    Raises:
        InputError: It fails; with what it wrote last.
    """
    start = time.perf_counter()
    with subprocess.Popen(command, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as run:
        peak, process = 0, psutil.Process(run.pid)
        while run.poll() is None:
            peak = max(peak, _resident(process))
            time.sleep(POLL_S)
        seconds = time.perf_counter() - start
        if run.returncode:
            said = (run.stderr.read() if run.stderr else "").splitlines()
            words = [line.strip(" \u2502") for line in said if any(letter.isalpha() for letter in line)]
            raise InputError(f"{Path(command[1]).name}: failed: {words[-1] if words else 'no message'}")
    return Cost(seconds, peak / 2**20)


def _resident(process: psutil.Process) -> int:
    total = 0
    try:
        for one in [process, *process.children(recursive=True)]:
            total += one.memory_info().rss
    except psutil.Error:  # it has just ended
        pass
    return total


def _params(n_images: int) -> PhantomParams:
    patients = {finding: round(share * n_images / IMAGES_A_PATIENT) for finding, share in SHARES.items()}
    return PhantomParams(seed=1, patients=PatientCounts(**patients), ineligible=0)


def _subset(phantoms: Path, place: Path, n_images: int) -> list[Path]:
    """A cohort of the first images by name of file, evenly over the classes, with hard links to the files."""
    images = IMAGES.read(phantoms / "images.csv")
    if len(images) < n_images:
        raise InputError(f"{phantoms}: holds {len(images)} screens, {n_images} are asked for; remove the folder")
    images = images.iloc[[number * len(images) // n_images for number in range(n_images)]]
    patients = PATIENTS.read(phantoms / "patients.csv")
    place.mkdir(parents=True, exist_ok=True)
    for file in [*images["file"], *images.loc[images["mask"] != "", "mask"]]:
        (place / file).parent.mkdir(exist_ok=True)
        if not (place / file).exists():
            os.link(phantoms / file, place / file)
    IMAGES.write(images, place / "images.csv")
    PATIENTS.write(patients[patients["patient"].isin(images["patient"])], place / "patients.csv")
    return [place / file for file in images["file"]]


def _decode(files: list[Path]) -> float:
    """Seconds to read all files as gray, on as many cores as the stages use."""
    n_workers = joblib.cpu_count()
    start = time.perf_counter()
    joblib.Parallel(n_jobs=n_workers)(joblib.delayed(_read_all)(files[n::n_workers]) for n in range(n_workers))
    return time.perf_counter() - start


def _read_all(files: list[Path]) -> None:
    for file in files:
        read_gray(file)
