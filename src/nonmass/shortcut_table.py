"""What the shortcut audit says: its groups of features, in the order in which they are shown, and its table."""

from nonmass.tables import Table

# Group -> what is in it. None of these looks at the part of the picture where a lesion lies, or at little of it.
BESIDE_THE_LESION = {
    "marks": "burned-in marks: how many of each kind, their area, lines of text covered",
    "size": "size of the exported screen",
    "device": "which device it is",
    "aspect": "shape and size of the field's box",
    "padding": "share of padding in the square",
    "border": "brightness of the field's border and corners",
    "margins": "sharpness and brightness of the field's left and right fifth",
    "format": "kind of file",
    "fov": "how the field was found, how surely, and its reason codes",
    "all": "all of the above",
}
# These see the lesion too: what they tell apart may be the lesion itself, but it takes no network to tell it.
OF_THE_WHOLE_FIELD = {
    "sharpness": "sharpness of the whole field",
    "acquisition": "brightness of the whole field",
    "centre": "brightness of the field's middle",
}
GROUPS = BESIDE_THE_LESION | OF_THE_WHOLE_FIELD

# Training, validation and test images together, each scored by a model that has not seen its patient; and the
# external ones, scored by a model of all the others.
AUDITED = ("develop", "external")

SHORTCUTS = Table(
    name="shortcut audit",
    columns={
        "task": "text",
        "part": "text",
        "group": "text",
        "feature": "text",  # of the group; or empty: all of them together
        "images": "int",
        "patients": "int",  # those whom duplicates link count as one
        "auc": "text",  # 17 digits, or empty where undefined
        "lo": "text",
        "hi": "text",
        "note": "text",  # why something is undefined, or empty
    },
    key=("task", "part", "group", "feature"),
    allowed={"part": AUDITED, "group": tuple(GROUPS)},
)
