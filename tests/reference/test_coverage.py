"""Whether a 95 % interval holds the truth 95 times in 100, where patients have several images."""

import numpy as np
import pandas as pd
import pytest

from nonmass.determinism import generator
from nonmass.roc.analysis import RocParams, evaluate

PARAMS = RocParams(confidence_level=0.95, cutoff_rule="youden")
AUC = 0.8
SHIFT = 1.1902321  # between two normal densities of variance 1 whose AUC is 0.8: sqrt(2) times the 0.8 quantile


def one_study(number):
    """60 patients with 1 to 6 images; scores of one patient correlate at 0.6; two equally good backbones."""
    rng = generator(1, "coverage", number)
    patient = np.repeat(np.arange(60), rng.integers(1, 7, 60))
    frame = pd.DataFrame({"patient_id": [f"p{code:02}" for code in patient], "truth": patient % 2})
    frame = frame.assign(image_id=[f"i{n:03}" for n in range(len(frame))], part="test", score=0.5, assignment="0")

    def logit():
        effect = np.sqrt(0.6) * rng.normal(size=60)[patient] + np.sqrt(0.4) * rng.normal(size=len(patient))
        return SHIFT * frame["truth"] + effect

    result = evaluate({"a": frame.assign(logit=logit()), "b": frame.assign(logit=logit())}, PARAMS, "study")
    area, pair = result.metrics["a"]["test"], result.metrics["comparison"]["a-b"]["test"]
    covered = [area[name]["lo"] <= AUC <= area[name]["hi"] for name in ("auc", "auc_image")]
    return covered + [pair[name] < 0.05 for name in ("p", "p_image")]


@pytest.mark.slow
def test_clustered_inference_is_honest_where_delong_is_not():
    clustered, delong, clustered_rejects, delong_rejects = np.mean([one_study(number) for number in range(500)], axis=0)
    assert 0.93 <= clustered <= 0.975  # 0.95, two standard errors of 500 draws either side
    assert clustered_rejects <= 0.075
    assert delong < 0.85
    assert delong_rejects > 0.15
