"""Where the report looks for what the graph left."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Folders:
    """Where the graph left its results."""

    metrics: Path
    data: Path
    curves: Path
    measures: Path
    characteristics: Path
    problems_csv: Path
    models: Path
    gradcam: Path
    shortcuts: Path
    calibration: Path
    decisions: Path
    subgroups: Path
    explanations: Path
