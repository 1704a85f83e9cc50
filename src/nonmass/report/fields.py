"""Fields of view, burned-in marks and text in numbers and sentences; never a screen."""

import pandas as pd

from nonmass.report.cited import Source, Whole, say
from nonmass.report.records import Sources, TaskSources, TextRead
from nonmass.report.wording import amount, part_name, share, task_name
from nonmass.tables import MARK_KINDS

TREATMENT = {
    "keep": "left as they are, as in the published images",
    "mask": "covered with black",
    "inpaint": "filled from around",
}
KIND_WORDS = {"caliper": "calipers", "arrow": "arrows", "dotted_line": "dotted lines", "text": "words or signs"}
REASON_WORDS = {
    "no-agreement": "the estimators do not agree on a box",
    "split": "a gap divides the box: two pictures, a trace, or text beside the field",
    "beside": "much that looks like tissue lies outside the box",
    "goes-on": "lines of the picture go on beyond the box",
    "soft": "the picture fades towards this side, so where it ends is unsure",
    "unclean": "what lies beyond this side is not empty",
    "flat": "a strip of one gray runs along the inside of this side",
    "inner": "the field may end earlier, at a line within the box",
    "small": "the box is a small part of the screen",
    "trace": "a trace, such as of M-mode, may be on the screen",
    "layout": "this side was taken from other screens of the device and size",
    "ruler": "this side was taken from the depth ruler",
    "colour": "colour was seen in the field",
    "non-rect": "the outline is no rectangle",
    "dual-view": "the screen shows two fields, of which one was chosen",
    "m-mode": "an M-mode trace stands in place of a field",
    "spectral": "a spectral trace stands in place of a field",
    "override": "a person refused it",
}
STATES = ("accepted", "doubtful", "refused")
SIDES = ("left", "top", "right", "bottom")
MOST_REASONS = 12


def states(fov_index: pd.DataFrame) -> "pd.Series[str]":
    """What became of each screen: one of `STATES`; indexed by image id."""
    state = fov_index["accepted"].map({1: "accepted", 0: "doubtful"}).mask(fov_index["reject"] != "", "refused")
    return state.set_axis(fov_index["image_id"])


def by_device(sources: Sources) -> pd.DataFrame:
    """Columns `device` ("all devices" first), `images` and `STATES`, as printed."""
    state = states(sources.fov_index)
    device = sources.manifest.set_index("image_id")["device"].reindex(state.index).replace("", "unknown")
    table = pd.crosstab(device, state).reindex(columns=list(STATES), fill_value=0).sort_index()
    table = pd.concat([table.sum().to_frame("all devices").T, table])
    rows = [
        {
            "device": name,
            "images": int(sum(row)),
            **{s: share(int(n), int(sum(row))) for s, n in zip(STATES, row, strict=True)},
        }
        for name, row in zip(table.index, table.to_numpy().tolist(), strict=True)
    ]
    return pd.DataFrame(rows, columns=["device", "images", *STATES])


def reasons(fov_index: pd.DataFrame) -> pd.DataFrame:
    """The commonest reason codes: columns `reason` and, of images in each state that carry it, `STATES`."""
    codes = (fov_index["flags"] + "|" + fov_index["reject"]).str.split("|").set_axis(fov_index["image_id"]).explode()
    codes = codes[codes != ""]
    if codes.empty:
        return pd.DataFrame(columns=["reason", *STATES])
    table = pd.crosstab(codes, states(fov_index)[codes.index].to_numpy()).reindex(columns=list(STATES), fill_value=0)
    return (
        table.rename_axis("reason")
        .reset_index()
        .assign(total=table.sum(axis=1).to_numpy())
        .sort_values(["total", "reason"], ascending=[False, True])
        .drop(columns="total")
    )


def reason_words(code: str) -> str:
    """What a reason code means: "soft-bottom" -> "bottom: the picture fades towards this side, ..."; "" if unknown."""
    stem, _, side = code.rpartition("-")
    if code in REASON_WORDS or side not in SIDES:
        return REASON_WORDS.get(code, "")
    return f"{side}: {REASON_WORDS[stem]}" if stem in REASON_WORDS else ""


def marks_by_class(task: TaskSources, marks: pd.DataFrame) -> pd.DataFrame:
    """Images that bear marks, among those of a task: columns `mark`, `positive`, `negative`, as printed."""
    truth = task.split.set_index("image_id")["truth"]
    here = marks[marks["image_id"].isin(truth.index)]
    rows = []
    for words, found in (("any mark", here), *((KIND_WORDS[k], here[here["kind"] == k]) for k in MARK_KINDS)):
        bearers = truth[truth.index.isin(found["image_id"])]
        counts = {
            name: share(int((bearers == t).sum()), int((truth == t).sum()))
            for name, t in (("positive", 1), ("negative", 0))
        }
        rows.append({"mark": words, **counts})
    return pd.DataFrame(rows)


def treatment(sources: Sources) -> str:
    """What became of marks, and of lines of text that tell who the patient is."""
    how = sorted(set(sources.crops["overlays"]))
    words = "; ".join(TREATMENT.get(name, name) for name in how)
    covered = sources.crops.loc[sources.crops["masked_lines"] > 0, "masked_lines"]
    lines, images = (
        Whole(n, Source((sources.places.data / "fov" / "crops.csv").as_posix(), f"Text covered | {what}", str(n)))
        for what, n in (("lines", int(covered.sum())), ("images", len(covered)))
    )
    where = say("{} of text covered in {}", amount(lines, "line"), amount(images, "image"))
    told = where if images else "no line of text was covered"
    return say(f"Marks in the fields are {words} (crop.overlays: {', '.join(how)}); {{}}.", told)


def text_found(text: TextRead) -> str:
    """What was read; "" if nobody read."""
    if text.engine == "none":
        return ""
    engine = text.version or text.engine
    counts = (text.images_with_text, text.images_read, text.images_with_phi_suspect)
    return say(
        "Text was read by {}: it found some in {} of {}; in {}, such as may tell who the patient is.",
        *(engine, *(amount(n, "image") for n in counts)),
    )


def text_alarm(text: TextRead) -> str:
    """What a reader must not take for granted; "" if recall was measured."""
    if text.engine == "none":
        return "Text was not read (text.engine: none): a name, a date or an age inside a field would still be there."
    return (
        ""
        if text.measured
        else f"How much {text.engine} misses has not been measured: what it did not find may be there."
    )


def quarantined(sources: Sources) -> pd.DataFrame:
    """tables.QUARANTINE with the column `kept`: the parts that hold an image all the same, if params say so."""
    kept: dict[str, list[str]] = {image: [] for image in sources.quarantine["image_id"]}
    for task in sources.tasks:
        inside = task.split[task.split["image_id"].isin(list(kept))]
        for image, part in zip(inside["image_id"], inside["part"], strict=True):
            kept[image].append(f"{task_name(task.name)}, {part_name(part).lower()}")
    return sources.quarantine.assign(kept=["; ".join(kept[image]) for image in sources.quarantine["image_id"]])
