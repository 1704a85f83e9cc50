"""What the report knows: numbers with their intervals, counts, and what each task left behind."""

from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from pydantic import ConfigDict, Field

from nonmass.report.folders import Folders
from nonmass.report.reported import Definition, Record, Reported


@dataclass(frozen=True)
class Estimate:
    """A number with its interval; `note` says why either is undefined (None)."""

    est: float | None = None
    lo: float | None = None
    hi: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Spread:
    """How far the AUCs of `n` seeds, two or more, lie apart; `sd` is their standard deviation."""

    mean: float
    sd: float
    min: float
    max: float
    n: int


@dataclass(frozen=True)
class Performance:
    """One backbone on one part.

    Attributes:
        n: `images`, `patients`, `positive_images`, `positive_patients`, and how many patients are independent
            (`independent_patients`) and of one class (`single_class_patients`).
        auc: Area under the curve of the images; the interval allows for several images a patient.
        auc_image: The same area; DeLong's interval, every image counted as independent.
        rules: Cut-off rule (of `sources.RULES`) -> measure at that cut-off.
        seeds: AUCs of the seeds one by one, where there are several; all else is of their ensemble.
        auc_patient: Area under the curve of patients by their mean logit, with DeLong's interval.
        auc_patient_max: By their highest logit.
        detectable_auc: The smallest area that could have been told from chance.
        calibration: `raw` and `scaled` -> measure of how probabilities agree with the truth.
    """

    n: dict[str, int]
    auc: Estimate
    auc_image: Estimate
    rules: dict[str, dict[str, Estimate]]
    seeds: Spread | None = None
    auc_patient: Estimate = field(default_factory=Estimate)
    auc_patient_max: Estimate = field(default_factory=Estimate)
    detectable_auc: Estimate = field(default_factory=Estimate)
    calibration: dict[str, dict[str, Estimate]] = field(default_factory=dict)


class Counts(Record):
    """What a part holds."""

    images: int
    patients: int
    positive_images: int
    positive_patients: int


class Part(Counts):
    """What a part holds, and how evenly; shares are 0 to 1 and of images.

    Attributes:
        device_share: Device, in small letters with underscores -> its share.
        max_device_difference: The largest difference of such a share from that in the training part.
    """

    positive_share: float | None = None
    device_share: dict[str, float] = Field(default_factory=dict)
    max_device_difference: float | None = None


class Amount(Record):
    """Images and the patients they show."""

    images: int
    patients: int


class Step(Record):
    """A reason to exclude images; a patient is excluded where she loses her last one."""

    excluded: Amount
    left: Amount


class Flow(Record):
    """One cohort on its way into the study, or all of them; `images` and `patients` are those used.

    Every class has its field, and no other key is let in, so that no images vanish from Fig. 1.

    Attributes:
        problems: Kind of fault of the source -> how many; what is faulty was not read.
        steps: Number and name -> whom it excluded.
    """

    model_config = ConfigDict(extra="forbid")

    problems: dict[str, int] = Field(default_factory=dict)
    read: Amount
    steps: dict[str, Step]
    images: int
    patients: int
    normal: Amount | None = None
    mass: Amount | None = None
    mass_benign: Amount | None = None
    mass_malignant: Amount | None = None
    non_mass: Amount | None = None
    non_mass_benign: Amount | None = None
    non_mass_malignant: Amount | None = None


class Certificate(Record):
    """What two parts of a task share, and what is in no part."""

    assignment: str
    unit: str
    disjoint: int
    withheld_images: int = 0
    quarantined_images: int = 0
    unused_images: int = 0
    parts: dict[str, Part]
    shared: dict[str, dict[str, int]]

    @property
    def is_clean(self) -> bool:
        """Whether patients were kept on one side, and nothing is shared."""
        return self.unit == "patient" and bool(self.disjoint)


class Block(Record):
    """A part of a network: what it is, the shape of what it gives (0 px where that is no picture), what it costs."""

    name: str
    kind: str
    channels: int
    height_px: int
    width_px: int
    layers: int
    parameters: int
    multiply_adds: int


class Network(Record):
    """A network at the side of the images, block by block."""

    timm: str
    side_px: int
    layers: int
    parameters: int
    multiply_adds: int
    blocks: dict[str, Block]


class Explained(Record):
    """The network that was explained; `not_perturbed`: target -> images of its sample without room elsewhere."""

    backbone: str
    doubtful_crops: int = 0
    not_perturbed: dict[str, int] = Field(default_factory=dict)


class Fields(Record):
    """How many fields of view are sure, doubtful or refused, and how many of them a person has decided."""

    images: int
    accepted: int
    doubtful: int
    refused: int
    overridden: int = 0


class Measured(Record):
    """How an engine did where lines of text were planted; shares of 0 to 1."""

    on: str
    n_lines: int
    recall: float
    phi_suspect_recall: float


class TextRead(Record):
    """What was read inside the fields of view; `engine` is "none" where nobody looked."""

    engine: str
    version: str = ""
    images_read: int = 0
    images_with_text: int = 0
    images_with_phi_suspect: int = 0
    measured: Measured | None = None


@dataclass(frozen=True)
class HeatMap:
    """A Grad-CAM picture with what the network said about the image."""

    image_id: str
    part: str
    truth: int
    score: float
    outcome: str
    margin: float
    scale_top: float
    png: bytes


@dataclass(frozen=True)
class TaskSources:
    """Everything one task left behind.

    Attributes:
        places: Where it was left.
        performance: Backbone -> part -> numbers.
        comparisons: (first, second) -> part -> measure, e.g. `auc_difference` and `p`.
        histories: Backbone -> seed -> epochs (tables.HISTORY).
        cards: Backbone -> seed -> what model.json says about the trained network.
        explained: What was explained; None where no heat maps were made.
        explanation: tables.EXPLANATION_MEASURES.
        software: What computed the statistics -> its version.
        shortcuts: shortcut_table.SHORTCUTS.
        reliability: tables.RELIABILITY.
        decisions: tables.DECISIONS.
        subgroups: tables.SUBGROUPS.
    """

    name: str
    places: Folders
    definition: Definition
    certificate: Certificate
    split: pd.DataFrame
    performance: dict[str, dict[str, Performance]]
    comparisons: dict[tuple[str, str], dict[str, dict[str, Estimate]]]
    curves: pd.DataFrame
    histories: dict[str, dict[int, pd.DataFrame]]
    cards: dict[str, dict[int, dict[str, Any]]]
    explained: Explained | None
    explanation: pd.DataFrame
    software: dict[str, str]
    heat_maps: list[HeatMap]
    shortcuts: pd.DataFrame
    reliability: pd.DataFrame
    decisions: pd.DataFrame
    subgroups: pd.DataFrame


@dataclass(frozen=True)
class Sources:
    """Everything the report shows.

    Attributes:
        places: Where it was read.
        flow: Cohort -> how it came into the study, with the sum under "all".
        tests: tables.CHARACTERISTICS.
        tests_software: What computed them -> its version.
        problems: tables.PROBLEMS, what of the sources was left out as faulty.
        quarantine: tables.QUARANTINE.
        networks: Backbone -> what it is made of.
        environment: `training` and `statistics` -> what computed them, as far as it is one and the same.
        fields: What fov_index (tables.FOV_INDEX) counts to.
    """

    places: Folders
    params: dict[str, Any]
    reported: Reported
    flow: dict[str, Flow]
    manifest: pd.DataFrame
    patients: pd.DataFrame
    tests: pd.DataFrame
    tests_software: dict[str, str]
    problems: pd.DataFrame
    quarantine: pd.DataFrame
    fov_index: pd.DataFrame
    fields: Fields
    text: TextRead
    crops: pd.DataFrame
    marks: pd.DataFrame
    networks: dict[str, Network]
    environment: dict[str, dict[str, Any]]
    tasks: list[TaskSources]


def numbers_of(task: TaskSources, part: str) -> dict[str, Performance]:
    """Backbone -> numbers, for those that have this part."""
    return {backbone: parts[part] for backbone, parts in task.performance.items() if part in parts}
