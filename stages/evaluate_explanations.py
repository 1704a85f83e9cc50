"""Stage `eval_explain`: numbers of explained images -> means with intervals by patient, and key figures."""

import json
from pathlib import Path

from nonmass.entry import run_stage
from nonmass.files import write_json
from nonmass.params import read_section
from nonmass.roc.analysis import RocParams
from nonmass.roc.explanations import key_figures, measure_explanations
from nonmass.tables import EXPLANATION_MEASURES, LESION_MATCHES, PERTURBED, RANDOMISED


def main(checks_dir: Path, measures_csv: Path, explain_json: Path) -> None:
    """Summarise the tests that a task's explanations were put to.

    Args:
        checks_dir: Holds `lesions.csv`, `randomised.csv`, `perturbed.csv` and `about.json`, of stage `explain`.
        measures_csv: Gets every mean with its interval, or the reason why it has none.
        explain_json: Gets the key figures, for `dvc metrics`.
    """
    level = read_section("roc", RocParams).confidence_level
    matches = LESION_MATCHES.read(checks_dir / "lesions.csv")
    randomised = RANDOMISED.read(checks_dir / "randomised.csv")
    perturbed = PERTURBED.read(checks_dir / "perturbed.csv")
    measures = measure_explanations(matches, randomised, perturbed, level)
    about = json.loads((checks_dir / "about.json").read_text(encoding="utf-8"))
    EXPLANATION_MEASURES.write(measures, measures_csv)
    write_json(explain_json, {**about, **key_figures(measures)})


if __name__ == "__main__":
    run_stage(main)
