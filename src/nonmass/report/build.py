"""Composes the report: tables and figures as files, and one self-contained page."""

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from nonmass.clinical import clinical_data
from nonmass.files import whole_file, write_text
from nonmass.quarantine import exclude_refused
from nonmass.report import (
    calibration,
    cautions,
    comparisons,
    explanations,
    fields,
    figures,
    flow,
    possible,
    shortcuts,
    subgroups,
    tables,
    wording,
)
from nonmass.report.flow_drawing import draw_flow
from nonmass.report.records import Estimate, HeatMap, Performance, Sources, TaskSources
from nonmass.report.wording import PARTS_SHOWN, amount, estimate, part_name, task_name
from nonmass.tables import FINDINGS

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Plot:
    """A figure of the page.

    Attributes:
        name: Stem of its files and opening of its ids.
        caption: What stands below it.
        description: What it shows, in words, for those who do not see it.
        figure: The drawing.
        warnings: What a reader must know beside it.
    """

    name: str
    caption: str
    description: str
    figure: Figure
    warnings: tuple[str, ...] = ()

    @cached_property
    def svg(self) -> str:
        """The drawing as a file."""
        return figures.svg_text(self.figure)

    @property
    def inline(self) -> Markup:
        """The drawing as an element of the page."""
        return Markup(figures.page_svg(self.svg, self.name.replace("_", "-"), self.description))


@dataclass(frozen=True)
class Report:
    """What the stage writes.

    Attributes:
        tables: Stem -> table of the study.
        plots: The figures that are files of their own, too.
        page: The whole page, HTML.
    """

    tables: dict[str, pd.DataFrame]
    plots: tuple[Plot, ...]
    page: str


def compose_report(sources: Sources) -> Report:
    """Tables, figures and page of a finished graph."""
    clinical = clinical_data(exclude_refused(sources.manifest, sources.fov_index), sources.patients)
    table1 = tables.clinical_characteristics(clinical, sources.tests)
    table2 = tables.data_sets(sources.tasks, sources.manifest)
    steps = flow.flow_steps(sources)
    flow_chart = flow_plot(sources)
    roc = {task.name: list(roc_plots(task)) for task in sources.tasks}
    audits = {task.name: audit_plot(task) for task in sources.tasks}
    calibrations = {task.name: list(calibration_plots(task)) for task in sources.tasks}
    decisions = {task.name: list(decision_plots(task)) for task in sources.tasks}
    forests = {task.name: list(subgroup_plots(task)) for task in sources.tasks}
    similarity = {task.name: similarity_plot(task) for task in sources.tasks if explanations.similarities(task)}
    fourth = [figure_four_plot(task) for task in sources.tasks if ordered_pictures(task.heat_maps)]
    page = {
        "table1": table1,
        "tests": tables.informative_tests(clinical, sources.tests),
        "test_columns": {p: test for p, test in map(tables.test_columns, FINDINGS) if p in table1},
        "not_described": [wording.column_name(name) for name in clinical.left_out],
        "table2": table2,
        "balance": {task.name: tables.balance(task, sources.manifest["device"]) for task in sources.tasks},
        "quarantine": quarantined(sources),
        "flow_steps": steps,
        "sources": sources,
        "flow": flow_chart,
        "roc": roc,
        "audits": audits,
        "calibrations": calibrations,
        "decisions": decisions,
        "forests": forests,
        "training": {task.name: list(training_plots(task)) for task in sources.tasks},
        "similarity": similarity,
        "pictures": {task.name: grouped_pictures(task.heat_maps) for task in sources.tasks},
        "nonmass_version": version("nonmass"),
        "level": f"{100 * sources.reported.roc.confidence_level:g}",
    }
    shout = cautions.shout(*sources.tasks)
    return Report(
        {
            "fig1_flow": steps.assign(split=shout) if shout else steps,
            "table1_patients": table1.assign(split=shout) if shout else table1,
            "table2_data_sets": table2,
            "table3_performance": tables.performance(sources.tasks),
        },
        (
            flow_chart,
            *audits.values(),
            *chain.from_iterable(
                plots for of_tasks in (roc, calibrations, decisions, forests) for plots in of_tasks.values()
            ),
            *similarity.values(),
            *fourth,
        ),
        render_page(page),
    )


def write_report(report: Report, out_dir: Path) -> None:
    """Write OUT_DIR/index.html, OUT_DIR/tables/*.csv and OUT_DIR/figures/*.svg and *.png."""
    for name, table in report.tables.items():
        with whole_file(out_dir / "tables" / f"{name}.csv") as path:
            table.to_csv(path, index=False, lineterminator="\n")
    for plot in report.plots:
        figures.write_figure(plot.figure, plot.svg, out_dir / "figures" / plot.name)
    write_text(out_dir / "index.html", report.page)


def render_page(page: dict[str, Any]) -> str:
    """Fill the template; every function it needs is handed in here."""
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    numbers = (
        wording.estimate,
        wording.spread,
        wording.percent,
        wording.p_value,
        wording.p_cell,
        wording.number,
        wording.count,
        wording.counted,
        wording.whole,
    )
    words = (
        wording.amount,
        wording.class_name,
        wording.part_name,
        wording.task_name,
        wording.sentence,
        wording.group_name,
    )
    filters: tuple[Callable[..., Any], ...] = (*numbers, *words, numbers_of, device_differences, data_uri, flat)
    environment.filters |= {function.__name__: function for function in filters}
    environment.globals |= {
        "calibration": calibration,
        "cautions": cautions,
        "comparisons": comparisons,
        "fields": fields,
        "possible": possible,
        "explanations": explanations,
        "shortcuts": shortcuts,
        "subgroups": subgroups,
        "UNDEFINED": Estimate(),
        "RULE_WORDS": wording.RULE_WORDS,
        "OUTCOME_WORDS": wording.OUTCOME_WORDS,
        "PARTS_SHOWN": PARTS_SHOWN,
        "style": Markup((HERE / "style.css").read_text(encoding="utf-8")),
    }
    return environment.get_template("template.html.j2").render(page)


def ordered_pictures(heat_maps: list[HeatMap]) -> list[HeatMap]:
    """Parts as everywhere in the page; in each the right calls, then the errors; the surest first."""
    by_outcome = {outcome: rank for rank, outcome in enumerate(wording.OUTCOME_WORDS)}
    shown = [picture for picture in heat_maps if picture.part in PARTS_SHOWN]
    return sorted(shown, key=lambda p: (PARTS_SHOWN.index(p.part), by_outcome[p.outcome], -p.margin, p.image_id))


def grouped_pictures(heat_maps: list[HeatMap]) -> dict[tuple[str, str], list[HeatMap]]:
    """(part, outcome) -> its pictures, in the order of `ordered_pictures`."""
    groups: dict[tuple[str, str], list[HeatMap]] = {}
    for picture in ordered_pictures(heat_maps):
        groups.setdefault((picture.part, picture.outcome), []).append(picture)
    return groups


def data_uri(png: bytes) -> str:
    """A PNG as an address that holds the picture itself."""
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


def flat(content: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested values as (dotted key, text) in the order of the file."""
    for key, value in content.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            yield from flat(value, f"{name}.")
        else:
            yield name, as_text(value)


def as_text(value: Any) -> str:
    """A parameter as YAML would hold it on one line."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def flow_plot(sources: Sources) -> Plot:
    """Fig. 1."""
    chart = flow.flow_chart(sources)
    return Plot(
        "fig1_flow",
        captioned(
            "From the images read to the parts of each task. Rules apply in order; an image goes with the first that "
            "excludes it, a patient with her last image. A patient with lesions of two classes counts in both.",
            *sources.tasks,
        ),
        str(chart),
        draw_flow(chart),
        tuple(cautions.data_cautions(sources)),
    )


def captioned(text: str, *tasks: TaskSources) -> str:
    """A caption, opened by a shout if a task is not disjoint."""
    return ". ".join(filter(None, [cautions.shout(*tasks), text]))


def quarantined(sources: Sources) -> pd.DataFrame:
    """tables.QUARANTINE with the column `kept`: the parts that hold an image all the same, if params say so."""
    kept: dict[str, list[str]] = {image: [] for image in sources.quarantine["image_id"]}
    for task in sources.tasks:
        inside = task.split[task.split["image_id"].isin(list(kept))]
        for image, part in zip(inside["image_id"], inside["part"], strict=True):
            kept[image].append(f"{task_name(task.name)}, {part_name(part).lower()}")
    return sources.quarantine.assign(kept=["; ".join(kept[image]) for image in sources.quarantine["image_id"]])


def device_differences(task: TaskSources) -> str:
    """How far each part is from training, in percentage points: "test 3.1, val 2.0"; "" if it is not known."""
    parts = {part: task.certificate.parts[part] for part in PARTS_SHOWN if part in task.certificate.parts}
    known = {name: part.max_device_difference for name, part in parts.items() if part.max_device_difference is not None}
    texts = (f"{part_name(name).lower()} {100 * difference:.1f}" for name, difference in known.items())
    return f"{', '.join(texts)} percentage points" if known else ""


def roc_plots(task: TaskSources) -> Iterator[Plot]:
    """Fig. 3, one plot a part."""
    for part in PARTS_SHOWN:
        numbers = numbers_of(task, part)
        curves = task.curves[task.curves["part"] == part]
        if not numbers or curves.empty:
            continue
        n = next(iter(numbers.values())).n
        size = f"{amount(n['images'], 'image')} of {amount(n['patients'], 'patient')}"
        caption = f"{task_name(task.name)}, {part_name(part).lower()}: {size}."
        aucs = "; ".join(f"{backbone}: AUC {estimate(values.auc)}" for backbone, values in numbers.items())
        yield Plot(
            f"fig3_roc_{task.name}_{part}",
            captioned(caption, task),
            f"ROC curves. {caption} {aucs}.",
            figures.roc_curves(curves, numbers, cautions.shout(task)),
            (*cautions.part_cautions(part, numbers), *cautions.task_cautions(task, part)),
        )


def audit_plot(task: TaskSources) -> Plot:
    """What tells the classes apart without the lesion, beside the networks."""
    rows = (f"{row.name} AUC {estimate(row.areas.get('develop'))}" for row in shortcuts.audit_rows(task))
    return Plot(
        f"shortcuts_{task.name}",
        captioned(f"{task_name(task.name)}: what shortcuts alone reach, and the networks above them.", task),
        f"Areas under the curve with intervals, cross-validated. {'; '.join(rows)}.",
        shortcuts.forest(task, cautions.shout(task)),
    )


def calibration_plots(task: TaskSources) -> Iterator[Plot]:
    """Reliability curves, one plot a part that judges."""
    for part in PARTS_SHOWN:
        numbers = numbers_of(task, part)
        if part == "val" or not numbers:
            continue
        scores = "; ".join(
            f"{backbone}: Brier score {estimate(values.calibration['raw'].get('brier'))} as trained, "
            f"{estimate(values.calibration['scaled'].get('brier'))} temperature-scaled"
            for backbone, values in numbers.items()
        )
        caption = f"{task_name(task.name)}, {part_name(part).lower()}: reliability."
        yield Plot(
            f"calibration_{task.name}_{part}",
            captioned(caption, task),
            f"Share of positive images over predicted probability. {caption} {scores}.",
            calibration.reliability_figure(task, part, cautions.shout(task)),
        )


def decision_plots(task: TaskSources) -> Iterator[Plot]:
    """Decision curves, one plot a part that judges."""
    for part in PARTS_SHOWN:
        if part == "val" or not numbers_of(task, part):
            continue
        caption = f"{task_name(task.name)}, {part_name(part).lower()}: net benefit."
        yield Plot(
            f"decision_{task.name}_{part}",
            captioned(caption, task),
            f"Net benefit over the probability from which one acts. {caption} reports/decisions/{task.name}.csv.",
            calibration.decision_figure(task, part, cautions.shout(task)),
        )


def subgroup_plots(task: TaskSources) -> Iterator[Plot]:
    """A forest of subgroups a part that judges, if any of them has a number."""
    for part in subgroups.parts_of(task):
        shown = [row for row in subgroups.rows_of(task, part) if row.is_shown]
        if shown and numbers_of(task, part):
            caption = f"{task_name(task.name)}, {part_name(part).lower()}: subgroups with enough patients."
            yield Plot(
                f"subgroups_{task.name}_{part}",
                captioned(caption, task),
                f"Areas under the curve with intervals, as in the table below. {caption}",
                subgroups.forest(task, part, cautions.shout(task)),
            )


def similarity_plot(task: TaskSources) -> Plot:
    """What is left of the maps without the weights."""
    lines = (
        f"{explanations.SIMILARITIES[measure]}: "
        + ", ".join(f"{estimate(value)} without the last {layers} layers" for layers, value in curve)
        for measure, curve in explanations.similarities(task).items()
    )
    return Plot(
        f"randomised_{task.name}",
        captioned(f"{task_name(task.name)}: heat maps as weights are lost from the logit downwards.", task),
        f"Likeness of heat maps to those of the whole network. {'; '.join(lines)}.",
        explanations.similarity_curve(task, cautions.shout(task)),
    )


def figure_four_plot(task: TaskSources) -> Plot:
    """Fig. 4, a file; the page shows the gallery, which has more."""
    caption = captioned(f"{task_name(task.name)}: originals above, heat maps below; the surest of each outcome.", task)
    pictures = ordered_pictures(task.heat_maps)
    return Plot(
        f"fig4_gradcam_{task.name}", caption, caption, explanations.figure_four(task, pictures, cautions.shout(task))
    )


def training_plots(task: TaskSources) -> Iterator[Plot]:
    """Loss and AUC over the epochs."""
    measures: Iterable[tuple[str, dict[str, str], str]] = (
        ("loss", {"val_loss": "validation", "train_loss": "training"}, "focal loss"),
        ("auc", {"val_auc": "validation"}, "AUC of the validation images"),
    )
    epochs = "; ".join(
        f"{backbone}{f', seed {seed}' if len(of_seeds) > 1 else ''}: {amount(len(history), 'epoch')}"
        for backbone, of_seeds in task.histories.items()
        for seed, history in of_seeds.items()
    )
    for name, columns, label in measures:
        yield Plot(
            f"training_{task.name}_{name}",
            captioned(f"{task_name(task.name)}: {label}.", task),
            f"{label} over the epochs. {epochs}.",
            figures.training_curves(task.histories, columns, wording.sentence(label), cautions.shout(task)),
        )


def numbers_of(task: TaskSources, part: str) -> dict[str, Performance]:
    """Backbone -> numbers, for those that have this part."""
    return {backbone: parts[part] for backbone, parts in task.performance.items() if part in parts}
