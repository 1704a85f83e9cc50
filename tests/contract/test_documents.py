"""The figures of the README are those of the committed metrics."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"\| (detect|classify) \| (test|external) \| (\w+) \| ([\d.]+) \(([^)]+)\) \| (\d+) of (\d+) \|")


def test_the_results_in_the_readme_are_those_of_the_metrics():
    rows = ROW.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    shown = {}
    for task, part, backbone, *figures in rows:
        shown[task, part, backbone] = figures
    expected = {}
    for task in ("detect", "classify"):
        metrics = json.loads((ROOT / "metrics" / f"{task}.json").read_text(encoding="utf-8"))
        for backbone, parts in metrics.items():
            for part in parts.keys() & {"test", "external"} if backbone != "comparison" else ():
                auc, n = parts[part]["auc"], parts[part]["n"]
                interval = f"{auc['lo']:.3f} to {auc['hi']:.3f}" if "lo" in auc else "no interval"
                expected[task, part, backbone] = [f"{auc['est']:.3f}", interval, str(n["images"]), str(n["patients"])]
    assert shown == expected


def test_no_document_has_a_gap_left():
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]:
        assert not re.search(r"@[A-Z]+@", path.read_text(encoding="utf-8")), path
