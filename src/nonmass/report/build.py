"""Composes the report: tables and figures as files, and one self-contained page."""

import hashlib
from dataclasses import dataclass, replace
from importlib.metadata import version
from itertools import chain
from pathlib import Path

import pandas as pd

from nonmass.clinical import clinical_data
from nonmass.files import write_text
from nonmass.quarantine import exclude_refused
from nonmass.report import (
    calibration,
    cautions,
    curves,
    explanations,
    fields,
    flow,
    networks,
    shortcuts,
    subgroups,
    tables,
    wording,
)
from nonmass.report.figures import Plot, mark, write_figure
from nonmass.report.flow_drawing import flow_plot
from nonmass.report.page import render_page
from nonmass.report.paper import (
    Printed,
    characteristics_printed,
    data_sets_printed,
    flow_printed,
    performance_printed,
    write_table,
)
from nonmass.report.records import Sources
from nonmass.tables import FINDINGS


@dataclass(frozen=True)
class Report:
    """What the stage writes.

    Attributes:
        tables: Stem -> table of the study.
        printed: Stem -> what of it LaTeX has.
        plots: The figures that are files of their own, too.
        page: The whole page, HTML.
    """

    tables: dict[str, pd.DataFrame]
    printed: dict[str, tuple[Printed, ...]]
    plots: tuple[Plot, ...]
    page: str


def compose_report(sources: Sources) -> Report:
    """Tables, figures and page of a finished graph."""
    data = sources.places.data
    manifest_csv, patients_csv, fields_csv = data / "manifest.csv", data / "patients.csv", data / "fov" / "index.csv"
    clinical = clinical_data(exclude_refused(sources.manifest, sources.fov_index), sources.patients)
    table1 = tables.clinical_characteristics(clinical, sources.tests, sources.places.characteristics / "tests.csv")
    table2 = tables.data_sets(sources.tasks, sources.manifest)
    steps = flow.flow_steps(sources)
    flow_chart = flow_plot(sources)
    roc = {task.name: list(curves.roc_plots(task)) for task in sources.tasks}
    audits = {task.name: shortcuts.audit_plot(task) for task in sources.tasks}
    calibrations = {task.name: list(calibration.calibration_plots(task)) for task in sources.tasks}
    decisions = {task.name: list(calibration.decision_plots(task)) for task in sources.tasks}
    forests = {task.name: list(subgroups.subgroup_plots(task)) for task in sources.tasks}
    similarity = {
        task.name: explanations.similarity_plot(task) for task in sources.tasks if explanations.similarities(task)
    }
    fourth = [
        explanations.figure_four_plot(task) for task in sources.tasks if explanations.ordered_pictures(task.heat_maps)
    ]
    network_schemes = list(networks.network_plots(sources.networks))
    of_tasks = (roc, calibrations, decisions, forests)
    drawn = (
        flow_chart,
        *audits.values(),
        *chain.from_iterable(plots for of_task in of_tasks for plots in of_task.values()),
        *similarity.values(),
        *network_schemes,
        *fourth,
    )
    training = {task.name: list(curves.training_plots(task)) for task in sources.tasks}
    for plot in (*drawn, *chain.from_iterable(training.values())):
        mark(plot.figure, cautions.mark(sources.reported))
    page = {
        "table1": tables.cells(table1, 2, "Table 1", manifest_csv, patients_csv, fields_csv),
        "tests": tables.informative_tests(clinical, sources.tests),
        "test_columns": {p: test for p, test in map(tables.test_columns, FINDINGS) if p in table1},
        "not_described": [wording.column_name(name) for name in clinical.left_out],
        "table2": tables.data_sets_printed(table2, sources.tasks),
        "balance": {task.name: tables.balance(task, sources.manifest["device"]) for task in sources.tasks},
        "quarantine": fields.quarantined(sources),
        "flow_steps": tables.cells(steps, 2, "Fig. 1", manifest_csv, fields_csv),
        "devices": tables.cells(fields.by_device(sources), 1, "Fields by device", manifest_csv, fields_csv),
        "reasons": tables.cells(fields.reasons(sources.fov_index), 1, "Reasons", fields_csv),
        "marks": {
            task.name: tables.cells(
                fields.marks_by_class(task, sources.marks),
                1,
                f"Marks, {task.name}",
                data / "splits" / f"{task.name}.csv",
                data / "fov" / "marks.csv",
            )
            for task in sources.tasks
        },
        "sources": sources,
        "flow": flow_chart,
        "roc": roc,
        "audits": audits,
        "calibrations": calibrations,
        "decisions": decisions,
        "forests": forests,
        "training": training,
        "networks": network_schemes,
        "similarity": similarity,
        "pictures": {task.name: explanations.grouped_pictures(task.heat_maps) for task in sources.tasks},
        "manifest_sha256": hashlib.sha256(manifest_csv.read_bytes()).hexdigest(),
        "nonmass_version": version("nonmass"),
        "level": wording.in_percent(sources.reported.roc.confidence_level),
    }
    shout = cautions.shout(*sources.tasks)
    frames = {
        "fig1_flow": steps.assign(split=shout) if shout else steps,
        "table1_patients": table1.assign(split=shout) if shout else table1,
        "table2_data_sets": table2,
        "table3_performance": tables.performance(sources.tasks),
    }
    about = cautions.mark(sources.reported)
    words = {
        "fig1_flow": flow_printed(steps),
        "table1_patients": characteristics_printed(table1),
        "table2_data_sets": data_sets_printed(table2),
    }
    return Report(
        {stem: frame.assign(data=about) for stem, frame in frames.items()},
        _printed(words, sources, about),
        drawn,
        render_page(page),
    )


def _printed(words: dict[str, pd.DataFrame], sources: Sources, about: str) -> dict[str, tuple[Printed, ...]]:
    """Stem -> tables of LaTeX, with captions that say what the data are."""
    whole = {
        stem: (Printed(stem, cautions.captioned(CAPTIONS[stem], *sources.tasks), table),)
        for stem, table in words.items()
    }
    by_task = {"table3_performance": tuple(performance_printed(sources.tasks))}
    return {
        stem: tuple(replace(one, caption=f"{one.caption} {about}.") for one in of_stem)
        for stem, of_stem in (whole | by_task).items()
    }


CAPTIONS = {
    "fig1_flow": "Images and patients from what was read to the study, rule by rule.",
    "table1_patients": "Clinical characteristics by pathology, per patient: mean and standard deviation, or number and "
    "percentage of those whose value is known.",
    "table2_data_sets": "Images and patients of each part and class, and images that are in no part.",
}


def write_report(report: Report, out_dir: Path) -> None:
    """Write OUT_DIR/index.html; OUT_DIR/paper/tables (CSV and LaTeX) and OUT_DIR/paper/figures (SVG and PNG)."""
    for name, table in report.tables.items():
        write_table(table, report.printed[name], out_dir / "paper" / "tables" / name)
    for plot in report.plots:
        write_figure(plot.figure, plot.svg, out_dir / "paper" / "figures" / plot.name)
    write_text(out_dir / "index.html", report.page)
