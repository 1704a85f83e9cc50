"""The tables that travel between stages: their columns, units, keys, order, checks, reading, writing."""

import csv
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from nonmass.errors import InputError
from nonmass.files import write_text

FINDINGS = ("normal", "mass", "non_mass")
PATHOLOGIES = ("benign", "malignant")
PARTS = ("train", "val", "test", "external")
TEXT_KINDS = ("phi-suspect", "annotation", "device", "ruler")
BOX_COLUMNS = ("x0_px", "y0_px", "x1_px", "y1_px")
MARK_KINDS = ("caliper", "arrow", "dotted_line", "text")


@dataclass(frozen=True)
class Table:
    """A CSV file with known columns.

    Attributes:
        name: What messages call it.
        columns: Column name -> "text", "int" or "float". An empty text is "", never missing.
        key: Columns that name a row; no two rows share them, and rows are sorted by them.
        allowed: Column name -> the values it may hold.
        is_open: Whether further columns may follow; they stay as they are.
    """

    name: str
    columns: dict[str, str]
    key: tuple[str, ...]
    allowed: dict[str, tuple[str | int, ...]] = field(default_factory=dict)
    is_open: bool = False

    def read(self, path: Path) -> pd.DataFrame:
        """Read and check a table.

        Raises:
            InputError: File missing or empty, a column missing or unknown, a value of the wrong
                kind, or a key that stands twice.
        """
        try:
            with path.open(encoding="utf-8", newline="") as file:
                rows = list(csv.reader(file, strict=True))
        except FileNotFoundError:
            raise InputError(f"{path}: {self.name} not found; run `dvc repro` first") from None
        except (csv.Error, UnicodeDecodeError, OSError) as error:
            raise InputError(f"{path}: not readable as the {self.name} table: {error}") from None
        # pandas would fill a short row with empty texts and make an index of a long one.
        uneven = [number for number, row in enumerate(rows, start=1) if len(row) != len(rows[0])]
        if not rows or uneven:
            fault = f"row {uneven[0]} is not as long as the header" if uneven else "it is empty"
            raise InputError(f"{path}: not readable as the {self.name} table: {fault}; run `dvc repro` again")
        return self.check(pd.DataFrame(rows[1:], columns=rows[0], dtype="str"), str(path))

    def write(self, frame: pd.DataFrame, path: Path) -> None:
        """Check, sort by key and write; floats carry the 17 digits that give them back exactly."""
        checked = self.check(frame, str(path))
        text = checked.to_csv(index=False, float_format="%.17g", lineterminator="\n")
        if "\r" in text:  # not quoted by the writer, but the end of a row to every reader
            raise InputError(f"{path}: {self.name} holds a text with a carriage return; remove it at the source")
        write_text(path, text)

    def check(self, frame: pd.DataFrame, where: str) -> pd.DataFrame:
        """A copy with exact column types and order, sorted by key; `where` opens error messages."""
        missing = [name for name in self.columns if name not in frame.columns]
        extra = [str(name) for name in frame.columns if name not in self.columns]
        if not frame.columns.is_unique:
            raise InputError(f"{where}: {self.name} has a column twice: {', '.join(map(str, frame.columns))}")
        if missing:
            raise InputError(f"{where}: {self.name} lacks column(s) {', '.join(missing)}")
        if extra and not self.is_open:
            raise InputError(f"{where}: {self.name} has unknown column(s) {', '.join(extra)}")
        typed = {name: self._typed(frame[name], kind, where) for name, kind in self.columns.items()}
        checked = pd.DataFrame({**typed, **{name: frame[name] for name in extra}})
        for name, values in self.allowed.items():
            wrong = checked.loc[~checked[name].isin(values), name]
            if len(wrong):
                allowed = ", ".join(map(repr, values))
                raise InputError(f"{where}: {self.name} column {name} holds {wrong.iloc[0]!r}; allowed: {allowed}")
        twice = checked.duplicated(list(self.key))
        if twice.any():
            row = ", ".join(str(checked.loc[twice, name].iloc[0]) for name in self.key)
            raise InputError(f"{where}: {self.name} has more than one row for {row}")
        return checked.sort_values(list(self.key), kind="stable").reset_index(drop=True)

    def _typed(self, values: pd.Series, kind: str, where: str) -> pd.Series:
        column = f"{where}: {self.name} column {values.name}"
        try:
            if kind == "text":
                return values.fillna("").astype("string")
            numbers = pd.to_numeric(values)
            typed: pd.Series = numbers.astype("int64" if kind == "int" else "float64")
        except (ValueError, TypeError, OverflowError):
            raise InputError(f"{column} holds values that are not {kind}") from None
        if kind == "int" and (typed != numbers).any():
            raise InputError(f"{column} holds values that are not int, such as {numbers[typed != numbers].iloc[0]}")
        if kind == "float" and not np.isfinite(typed.to_numpy()).all():
            raise InputError(f"{column} holds values that are not finite")
        return typed + 0  # -0.0 would come back as 0.0


MANIFEST = Table(
    name="manifest",
    columns={
        # Cohort, "-", 16 hex digits of the SHA-256 of the file's bytes; then "-" and the frame, if that is not 0.
        "image_id": "text",
        "cohort": "text",
        "path": "text",  # relative to data/raw, forward slashes; or a pseudonym, see pseudonyms.py
        "frame": "int",  # of the file, from 0; always 0 but for multi-frame DICOM
        "patient_id": "text",  # hashed where the source holds real ids
        "patient_group": "text",  # patients who share a byte-identical file count as one: the smallest of their ids
        "finding": "text",
        "pathology": "text",  # empty for normal tissue
        "device": "text",
        "us_regions": "text",  # DICOM's ultrasound regions, "x0,y0,x1,y1" in pixels of the screen, joined by "|"
        "width_px": "int",
        "height_px": "int",
        "mask_path": "text",  # relative to data/raw; several, joined by "|", are united; or empty
        "mask_id": "text",  # 16 hex digits of the SHA-256 of the masks' bytes, or empty
        "excluded": "text",  # reason, or empty
    },
    key=("image_id",),
    allowed={"finding": FINDINGS, "pathology": (*PATHOLOGIES, "")},
)

# The manifest before copies of one file, within a cohort or across cohorts, are seen to.
INVENTORY = Table(
    name="inventory",
    columns={name: kind for name, kind in MANIFEST.columns.items() if name not in {"excluded", "patient_group"}},
    key=("path", "frame"),
    allowed=MANIFEST.allowed,
)

# Rows of the inventory that the manifest does not hold: its cohort has the image under an earlier path as well.
COPIES = replace(MANIFEST, name="copies", key=("path", "frame"))

# What of a source could not be used, one row a fault.
PROBLEMS = Table(
    name="ingest problems",
    columns={
        "cohort": "text",
        "file": "text",  # relative to the cohort's folder, or its pseudonym; empty if the row names none
        "row": "int",  # of the spreadsheet, headings are row 1; 0 if the file has none
        "problem": "text",
        "value": "text",  # the offending word; empty where cells may hold identities
        "remedy": "text",
    },
    key=("cohort", "problem", "file", "row", "value"),
)

# Further columns (age_years, lesion_size_mm, birads, ...) are the source's own.
PATIENTS = Table("patients", {"patient_id": "text", "cohort": "text"}, key=("cohort", "patient_id"), is_open=True)

FOV_INDEX = Table(
    name="field-of-view index",
    columns={
        "image_id": "text",
        "x0_px": "int",  # box on the exported screen, half-open
        "y0_px": "int",
        "x1_px": "int",
        "y1_px": "int",
        "polygon": "text",  # its outline where it is no rectangle: "x,y" in pixels of the screen, joined by "|"
        "panels": "text",  # all fields on the screen if there are several, "x0,y0,x1,y1" joined by "|"; or empty
        "method": "text",  # what decided: agreement, layout, device, bare, override, or none of them: guess
        "estimators": "text",  # which of them agree on the box, joined by "+"
        "confidence": "float",  # 0 to 1
        "flags": "text",  # reason codes joined by "|", or empty
        "reject": "text",  # why the screen is refused, then it is not cropped; or empty
        "accepted": "int",  # 1, or 0 for the review list
        "duplicate_group": "text",  # images of one group show the same picture; or empty
    },
    key=("image_id",),
)

# Where the field of view lies in layouts of which there are enough screens.
LAYOUTS = Table(
    name="layouts",
    columns={
        "device": "text",
        "width_px": "int",  # of the screen
        "height_px": "int",
        "rank": "int",  # from 1, the most common box first
        "x0_px": "int",  # half-open
        "y0_px": "int",
        "x1_px": "int",
        "y1_px": "int",
    },
    key=("device", "width_px", "height_px", "rank"),
)

# What a person has decided about fields of view; these lines win over everything found.
FOV_OVERRIDES = Table(
    name="field-of-view overrides",
    columns={
        "target": "text",  # an image_id; or a layout, "DEVICE WIDTHxHEIGHT" as in the manifest
        "action": "text",  # box: this is the field of view; refuse: there is none
        "x0_px": "int",  # half-open; all 0 if refused
        "y0_px": "int",
        "x1_px": "int",
        "y1_px": "int",
        "note": "text",
    },
    key=("target",),
    allowed={"action": ("box", "refuse")},
)

# Lines of text inside fields of view. What they say is written nowhere.
TEXT_LINES = Table(
    name="text lines",
    columns={
        "image_id": "text",
        "line": "int",  # from 1, in reading order
        "kind": "text",
        "x0_px": "int",  # on the exported screen, half-open
        "y0_px": "int",
        "x1_px": "int",
        "y1_px": "int",
        "n_characters": "int",
        "confidence": "float",  # the engine's own, 0 to 1
    },
    key=("image_id", "line"),
    allowed={"kind": TEXT_KINDS},
)

# Marks that a person or the device has burned into fields of view.
MARKS = Table(
    name="burned-in marks",
    columns={
        "image_id": "text",
        "mark": "int",  # from 1, in reading order
        "kind": "text",
        "x0_px": "int",  # on the exported screen, half-open
        "y0_px": "int",
        "x1_px": "int",
        "y1_px": "int",
        "area_px": "int",  # pixels of the mark itself
    },
    key=("image_id", "mark"),
    allowed={"kind": MARK_KINDS},
)

# How each field of view became the model's square.
CROPS = Table(
    name="crops",
    columns={
        "image_id": "text",
        "side_px": "int",  # of the square
        "square": "text",  # how it was made; see geometry.CropResize
        "resampling": "text",  # area where it shrank, bilinear where it grew; area+bilinear; or none
        "overlays": "text",  # what became of marks: keep, mask, inpaint
        "masked_lines": "int",  # lines of text that were covered
    },
    key=("image_id",),
)

# How alike two images are, for every pair that was looked at twice.
DUPLICATE_PAIRS = Table(
    name="near-duplicate pairs",
    columns={
        "image_id": "text",
        "other_id": "text",  # the greater of the two
        "hash_distance": "int",  # bits of 64, the smaller of the two hashes' distances
        "inliers": "int",  # local features that one similarity transform maps onto each other
        "is_duplicate": "int",  # 1 or 0
    },
    key=("image_id", "other_id"),
)

# Near-duplicates with contradictory labels: nobody knows which is right, so no part gets them.
QUARANTINE = Table(
    name="quarantine",
    columns={"image_id": "text", "duplicate_group": "text", "finding": "text", "pathology": "text"},
    key=("duplicate_group", "image_id"),
)

SPLIT = Table(
    name="split",
    columns={"image_id": "text", "patient_id": "text", "part": "text", "truth": "int"},
    key=("image_id",),
    allowed={"part": PARTS, "truth": (0, 1)},
)

HISTORY = Table(
    name="training history",
    columns={
        "epoch": "int",
        "learning_rate": "float",
        "train_loss": "float",
        "val_loss": "float",
        "val_auc": "float",
    },
    key=("epoch",),
)

PREDICTIONS = Table(
    name="predictions",
    columns={
        "image_id": "text",
        "patient_id": "text",
        "part": "text",
        "truth": "int",
        "logit": "float",  # what statistics rank
        "score": "float",  # logistic function of the logit, 0 to 1
        "assignment": "text",  # hash of the split these images come from, see assignment.py
    },
    key=("image_id",),
    allowed={"part": PARTS, "truth": (0, 1)},
)

# What the members of an ensemble say, one training seed each; the logit of PREDICTIONS is their mean.
SEED_PREDICTIONS = Table(
    name="predictions of seeds",
    columns={"image_id": "text", "seed": "int", "logit": "float"},
    key=("image_id", "seed"),
)

CURVES = Table(
    name="ROC curves",
    columns={
        "backbone": "text",
        "part": "text",
        "point": "int",  # 0 at the (0, 0) corner, upwards
        "threshold": "text",  # logit, positive if >= it; "inf" and "-inf" at the corners
        "false_positive_rate": "float",
        "sensitivity": "float",
    },
    key=("backbone", "part", "point"),
    allowed={"part": PARTS},
)

MEASURES = Table(
    name="measures",
    columns={
        "backbone": "text",  # or two of them, "first-second"
        "part": "text",
        "group": "text",  # "" for areas, or what docs/statistics.md lists
        "measure": "text",
        "estimate": "text",  # 17 digits, or empty where undefined
        "lo": "text",
        "hi": "text",
        "note": "text",  # why something is undefined, or empty
    },
    key=("backbone", "part", "group", "measure"),
    allowed={"part": PARTS},
)

# Do probabilities mean what they say? Bins from low to high, by part.
RELIABILITY = Table(
    name="reliability curves",
    columns={
        "backbone": "text",
        "part": "text",
        "scale": "text",  # raw, or scaled by the temperature of validation
        "bin": "int",  # from 1
        "images": "int",
        "patients": "int",
        "probability": "float",  # mean of the bin, 0 to 1
        "observed": "float",  # share of positive images
        "lo": "text",  # 17 digits, or empty where undefined
        "hi": "text",
    },
    key=("backbone", "part", "scale", "bin"),
    allowed={"part": PARTS, "scale": ("raw", "scaled")},
)

# What acting on a probability at or above a threshold is worth.
DECISIONS = Table(
    name="decision curves",
    columns={
        "backbone": "text",  # or "treat all", "treat none"
        "part": "text",
        "threshold": "float",  # probability
        "net_benefit": "float",  # true positives an image
        "lo": "text",  # 17 digits, or empty where undefined
        "hi": "text",
    },
    key=("backbone", "part", "threshold"),
    allowed={"part": PARTS},
)

# Areas under the curve of some of the patients.
SUBGROUPS = Table(
    name="subgroups",
    columns={
        "backbone": "text",
        "part": "text",
        "characteristic": "text",
        "level": "text",  # with a unit; empty where no image of the part has a known value
        "images": "int",
        "positive_patients": "int",  # those whom a shared picture links count as one
        "negative_patients": "int",
        "auc": "text",  # 17 digits, or empty where undefined
        "lo": "text",
        "hi": "text",
        "note": "text",  # why something is undefined, or empty
    },
    key=("backbone", "part", "characteristic", "level"),
    allowed={"part": PARTS},
)

# What `nonmass predict` says of each screen, numbers with 17 digits; what is undefined is empty.
ANSWERS = Table(
    name="answers",
    columns={
        "file": "text",  # as it was given, or relative to the folder that was given
        "use": "text",  # research use only
        **dict.fromkeys(BOX_COLUMNS, "int"),  # field of view on the screen, half-open
        "confidence": "float",
        "accepted": "int",
        "doubtful": "int",
        "reject": "text",
        "method": "text",
        "device_from": "text",
        "flags": "text",  # joined by "|"
        "marks": "text",  # kinds in reading order, joined by "|"
        "covered_lines": "int",
        **{
            f"{task}_{name}": "text"
            for task in ("detect", "classify")
            for name in (
                *("backbone", "logit", "probability", "calibrated_probability"),
                *("cutoff_logit", "call", "distance", "unlike_training"),
            )
        },
    },
    key=("file",),
)

# Table 1's tests: is a characteristic differently distributed in two groups of patients?
CHARACTERISTICS = Table(
    name="tests of characteristics",
    columns={
        "finding": "text",  # benign against malignant patients of this finding
        "characteristic": "text",  # column of the patients table
        "test": "text",  # its name in words, or empty where there is none
        "p": "text",  # 17 digits, or empty
        "note": "text",  # why there is none, and how many patients of both classes were left out; or empty
    },
    key=("finding", "characteristic"),
    allowed={"finding": FINDINGS},
)

OUTCOMES = ("TP", "TN", "FP", "FN", "")  # by the frozen cut-off; empty where there is none

HEAT_MAPS = Table(
    name="heat-map index",
    columns={
        "image_id": "text",
        "part": "text",
        "truth": "int",
        "score": "float",
        "outcome": "text",
        "margin": "float",  # distance of the logit from the cut-off: how sure the call is
        "explained": "text",  # the class whose logit the map explains: the one the network calls
        "file": "text",
        "screen_file": "text",  # the map alone on the pixels of the exported screen, 0 to 255; nothing of the screen
        "scale_top": "float",  # what 255 stands for, in units of the logit; the same for all pictures of a task
    },
    key=("image_id",),
    allowed={"part": PARTS, "outcome": OUTCOMES, "explained": ("positive", "negative")},
)

# How heat maps meet lesion masks: the network's own, and those that know nothing of what it learnt or of the image.
LESION_MATCHES = Table(
    name="heat maps and lesions",
    columns={
        "image_id": "text",
        "patient_id": "text",
        "part": "text",
        "outcome": "text",
        "map": "text",
        "pointing_game": "float",  # 1 if the map's maximum lies in the lesion, else 0; a share if there are several
        "energy_in_lesion": "float",  # share of the map's sum, 0 to 1
        "iou": "float",  # of the lesion and where the map is above its 80th percentile
        "is_empty": "int",  # 1 if the map is 0 everywhere
        "lesion_share": "float",  # of the picture
    },
    key=("image_id", "map"),
    allowed={"part": PARTS, "outcome": OUTCOMES, "map": ("gradcam", "centre", "random")},
)

# What is left of heat maps when weights are lost from the logit downwards.
RANDOMISED = Table(
    name="heat maps of randomised networks",
    columns={
        "image_id": "text",
        "patient_id": "text",
        "layers": "int",  # how many are lost
        "share": "float",  # of all layers
        "spearman": "float",  # against the map of the whole network
        "ssim": "float",
    },
    key=("image_id", "layers"),
)

# What a score loses when a place is taken out of the image, and when places as large elsewhere are.
PERTURBED = Table(
    name="perturbed images",
    columns={
        "image_id": "text",
        "patient_id": "text",
        "part": "text",
        "outcome": "text",
        "target": "text",
        "drop": "float",  # logit of the called class, before less after
        "drop_elsewhere": "float",  # likewise, the mean over the places elsewhere
    },
    key=("target", "image_id"),
    allowed={"part": PARTS, "outcome": OUTCOMES, "target": ("lesion", "marks")},
)

EXPLANATION_MEASURES = Table(
    name="measures of explanations",
    columns={
        "check": "text",
        "part": "text",  # or "all"
        "outcome": "text",  # or "all"
        "subject": "text",  # which map, how many layers are lost, or what is taken out; "a-b" is a difference
        "measure": "text",
        "images": "int",
        "patients": "int",
        "estimate": "text",  # 17 digits
        "lo": "text",  # likewise, or empty where undefined
        "hi": "text",
        "p": "text",  # of no difference; empty for anything that is none
        "note": "text",  # why something is undefined, or empty
    },
    key=("check", "part", "outcome", "subject", "measure"),
    allowed={"check": ("localisation", "randomisation", "perturbation")},
)
