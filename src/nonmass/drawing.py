"""How images are drawn into train, val and test: evenly by class and device, or by each key's own hash."""

from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from nonmass.determinism import seed_of

Ratio = tuple[float, float, float]


def part_sizes(n: int, ratio: Ratio) -> tuple[int, int, int]:
    """Sizes of train, val and test: test is cut off first, then val from the rest, both rounded up.

    That is scikit-learn's `train_test_split` used twice, and gives the paper's 1310, 188 and 375
    for 1873 images at 7:1:2. (Exact arithmetic: 0.7 in binary is not 7/10.)
    """
    train, val, test = (Fraction(str(share)) for share in ratio)
    n_test = -int(-n * test // (train + val + test))
    n_val = -int(-(n - n_test) * val // (train + val))
    return n - n_test - n_val, n_val, n_test


def draw_by_hash(keys: "pd.Series[str]", ratio: Ratio, name: str, seed: int) -> "pd.Series[str]":
    """Part of each key as a function of (seed, name, key) alone; the ratio is met in expectation."""
    train, val, test = ratio
    total = train + val + test

    def part(key: str) -> str:
        lot = seed_of(seed, "split", name, key) / 2**128 * total
        return "test" if lot < test else "val" if lot < test + val else "train"

    return keys.map({key: part(key) for key in keys.unique()}).astype("string")


def draw_evenly(images: pd.DataFrame, standing: pd.DataFrame, ratio: Ratio, name: str, seed: int) -> "pd.Series[str]":
    """Part of each image; groups stay whole, and each class comes within one group of its share.

    Args:
        images: To be drawn, with `group`, `truth` and `device`.
        standing: Images that have their part already, with `group`, `truth` and `part`; they count for
            the ratio, so that those to be drawn make up for what a part lacks.
        ratio: Train, val and test of all images; test may be 0.
        name: Two tasks are drawn independently.
        seed: Draws another assignment of the same shape.
    """
    by_group = images.groupby("group").agg(truth=("truth", "max"), device=("device", "min"), n=("truth", "size"))
    # A group with images of both classes is shared out with the positive ones.
    by_group["lot"] = [seed_of(seed, "split", name, str(group)) for group in by_group.index]
    # Neighbours are of one device, so that drawing evenly along the line balances devices too.
    by_group = by_group.sort_values(["truth", "device", "lot"])
    held = standing.assign(truth=standing.groupby("group")["truth"].transform("max")).groupby(["part", "truth"]).size()
    part = pd.Series("train", index=by_group.index, dtype="string")
    for label, wanted in _wanted(by_group.groupby("truth")["n"].sum(), held, ratio).items():
        for truth, of_class in by_group[part == "train"].groupby("truth"):
            taken = _evenly(of_class["n"].to_numpy(), min(Fraction(1), wanted[truth] / int(of_class["n"].sum())))
            part[of_class.index[taken]] = label
    return images["group"].map(part)


def _wanted(free: "pd.Series[int]", held: "pd.Series[int]", ratio: Ratio) -> dict[str, dict[Any, Fraction]]:
    """Part -> class -> how many of the images yet to be drawn should go there; the rest is for training.

    Args:
        free: Images yet to be drawn, by class.
        held: Images that stand already, by part and class.
        ratio: Train, val and test of both together.
    """
    classes = sorted({*free.index, *held.index.get_level_values("truth")})
    stands = {part: {truth: int(held.get((part, truth), 0)) for truth in classes} for part in ("test", "val", "train")}
    left = {truth: int(free.get(truth, 0)) + sum(part[truth] for part in stands.values()) for truth in classes}
    _, n_val, n_test = part_sizes(sum(left.values()), ratio)
    lacks: dict[str, dict[Any, int]] = {}
    for part, size in (("test", n_test), ("val", n_val), ("train", None)):
        quota = left if size is None else _proportional(size, left)
        left = {truth: left[truth] - quota[truth] for truth in classes}
        lacks[part] = {truth: max(0, quota[truth] - stands[part][truth]) for truth in classes}
    # Where a part stands above its quota, less is free than the others lack: each gets the same share of it.
    supply = {truth: Fraction(int(n), max(1, sum(lack[truth] for lack in lacks.values()))) for truth, n in free.items()}
    return {part: {truth: lacks[part][truth] * supply[truth] for truth in supply} for part in ("test", "val")}


def _proportional(total: int, sizes: dict[Any, int]) -> dict[Any, int]:
    """Share out `total` in proportion to `sizes` by largest remainder (Hamilton's rule)."""
    quotas = {key: Fraction(total * size, max(1, sum(sizes.values()))) for key, size in sizes.items()}
    shares = {key: int(quota) for key, quota in quotas.items()}
    by_remainder = sorted(quotas, key=lambda key: shares[key] - quotas[key])
    for key in by_remainder[: total - sum(shares.values())]:
        shares[key] += 1
    return shares


def _evenly(sizes: "npt.NDArray[np.int64]", share: Fraction) -> list[int]:
    """Positions of groups, evenly along the line, that together hold about `share` of the images.

    Systematic sampling: take the next group once the images passed so far owe it. The debt stays
    within half the largest group of zero all along, and whether a group is taken depends on those
    before it, never on its own size, so that patients with many images land in no part by preference.
    """
    debt, taken = Fraction(0), []
    due = (Fraction(1, 2) - share) * int(sizes.max())
    for position, size in enumerate(sizes.tolist()):
        if debt >= due and share > 0:
            taken.append(position)
            debt -= size
        debt += share * size
    return taken
