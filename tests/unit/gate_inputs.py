"""A project in Git with finished results: small tables as the graph leaves them, and what a change does to them."""

import hashlib
import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
from ruamel.yaml import YAML

from nonmass.assignment import assignment_hash
from nonmass.determinism import generator
from nonmass.tables import PREDICTIONS, SEED_PREDICTIONS

TASKS = ("detect", "classify")
IMAGES = {"val": 240, "test": 240}
GRAPH = """\
stages:
  split:
    cmd: split
    metrics:
      - metrics/split.json: {cache: false}
  train:
    matrix: {task: [detect, classify], backbone: "${backbones}"}
    cmd: train ${item.task} ${item.backbone}
    deps: [stages/train.py]
    params: [train.lr]
    outs: ["models/${item.task}/${item.backbone}/1"]
  predict:
    matrix: {task: [detect, classify], backbone: "${backbones}"}
    cmd: predict ${item.task} ${item.backbone}
    deps: ["models/${item.task}/${item.backbone}/1"]
    outs: ["predictions/${item.task}/${item.backbone}.csv", "predictions/seeds/${item.task}/${item.backbone}.csv"]
  eval:
    matrix: {task: [detect, classify]}
    cmd: evaluate ${item.task}
    deps: ["predictions/${item.task}", metrics/split.json]
    metrics:
      - metrics/${item.task}.json: {cache: false}
"""
CODE = "stages/train.py"


def drawn(task, backbone, strength=1.5, seed=1):
    """Three images a patient; the greater `strength`, the better the scores."""
    part = np.repeat(list(IMAGES), list(IMAGES.values()))
    number = np.arange(len(part))
    truth = number // 3 % 2
    noise = generator(1, "gate input", task, backbone).normal(size=len(part))
    noise = noise + 0.2 * generator(seed, "retrained", task, backbone).normal(size=len(part))
    frame = pd.DataFrame(
        {
            "image_id": [f"{task}-{n:04}" for n in number],
            "patient_id": [f"{task}-p{n // 3:03}" for n in number],
            "part": part,
            "truth": truth,
            "logit": strength * (truth - 0.5) + noise,
        }
    )
    return frame.assign(score=1 / (1 + np.exp(-frame["logit"])))


class Project:
    """A scratch repository whose files are those of a finished run."""

    def __init__(self, folder: Path, backbones=("small", "large")):
        self.folder = folder
        self.params = {
            "backbones": list(backbones),
            "roc": {"confidence_level": 0.95, "cutoff_rule": "youden"},
            "gate": {"margin": 0.05, "act_at": 0.1, "removed": []},
            "train": {"lr": 0.001},
        }
        self.frames = {(task, backbone): drawn(task, backbone) for task in TASKS for backbone in backbones}
        self.git("init", "--quiet", "--initial-branch", "main")

    def git(self, *words):
        """Run Git as nobody in particular, whatever the machine's configuration."""
        who = {f"GIT_{role}_{what}": "x" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        nowhere = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        subprocess.run(["git", *words], cwd=self.folder, env={**os.environ, **who, **nowhere}, check=True)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def write_yaml(self, name, content):
        with (self.folder / name).open("w", encoding="utf-8") as file:
            YAML(typ="safe", pure=True).dump(content, file)

    def finish(self, disjoint=1):
        """Write all results and the dvc.lock that belongs to them."""
        self.write("dvc.yaml", GRAPH)
        self.write(CODE, "train()\n")
        self.write_yaml("params.yaml", self.params)
        seals = {}
        for task in TASKS:
            frames = {backbone: frame for (of, backbone), frame in self.frames.items() if of == task}
            first = next(iter(frames.values()))
            parts = {part: {"images": len(rows)} for part, rows in first.groupby("part")}
            seals[task] = {
                "assignment": assignment_hash(first),
                "disjoint": disjoint,
                "unit": "patient",
                "parts": parts,
            }
            for backbone, frame in frames.items():
                path = self.folder / "predictions" / task / f"{backbone}.csv"
                PREDICTIONS.write(frame.assign(assignment=seals[task]["assignment"]), path)
            point = {"auc": {"est": 0.8, "lo": 0.7, "hi": 0.9}, "frozen": {"cutoff": 0.0}}
            metrics = {backbone: {"val": {"auc": point["auc"]}, "test": point} for backbone in frames}
            self.write(f"metrics/{task}.json", json.dumps({"certificate": seals[task], **metrics}))
        self.write("metrics/split.json", json.dumps(seals))
        self.lock()

    def lock(self):
        """Write a dvc.lock of what lies there; a model has the hash of the predictions that it makes."""
        stages = {"split": {"cmd": "split", "outs": [self.hashed("metrics/split.json")]}}
        listings = {task: [] for task in TASKS}
        for task, backbone in sorted(self.frames):
            name = f"predictions/{task}/{backbone}.csv"
            model = {"path": f"models/{task}/{backbone}/1", "md5": self.hashed(name)["md5"] + ".dir"}
            stages[f"train@{task}-{backbone}"] = {
                "cmd": f"train {task} {backbone}",
                "deps": [self.hashed(CODE)],
                "params": {"params.yaml": {"train.lr": self.params["train"]["lr"]}},
                "outs": [model],
            }
            seeds = f"predictions/seeds/{task}/{backbone}.csv"
            stages[f"predict@{task}-{backbone}"] = {
                "cmd": f"predict {task} {backbone}",
                "deps": [dict(model)],  # not the same object, which YAML would write as an alias
                "outs": [self.hashed(name), self.hashed(seeds)],
            }
            listings[task].append({"md5": self.hashed(name)["md5"], "relpath": f"{backbone}.csv"})
        for task in TASKS:
            listing = hashlib.md5(json.dumps(listings[task], sort_keys=True).encode()).hexdigest()
            folder = {"path": f"predictions/{task}", "md5": f"{listing}.dir", "nfiles": len(listings[task])}
            stages[f"eval@{task}"] = {
                "cmd": f"evaluate {task}",
                "deps": [folder, self.hashed("metrics/split.json")],
                "outs": [self.hashed(f"metrics/{task}.json")],
            }
        self.write_yaml("dvc.lock", {"schema": "2.0", "stages": stages})

    def read_lock(self):
        """The stages of dvc.lock, to be changed and given to `write_lock`."""
        return YAML(typ="safe", pure=True).load((self.folder / "dvc.lock").read_text(encoding="utf-8"))["stages"]

    def write_lock(self, stages):
        """Write dvc.lock as somebody's hand has left it."""
        self.write_yaml("dvc.lock", {"schema": "2.0", "stages": stages})

    def hashed(self, name):
        path = self.folder / name  # one that is not there is kept by DVC
        return {"path": name, "md5": hashlib.md5(path.read_bytes() if path.is_file() else b"").hexdigest()}

    def commit(self):
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "x")

    def retrain(self, strength, parts=("val", "test")):
        """Other scores for every backbone, in the given parts only."""
        for task, backbone in self.frames:
            old, new = self.frames[task, backbone], drawn(task, backbone, strength, seed=2)
            self.frames[task, backbone] = new.where(new["part"].isin(parts), old)

    def write_seeds(self, spread=0.5):
        """Write three seeds around the scores of every backbone; returns them, with part and truth."""
        seeds = {}
        for (task, backbone), frame in self.frames.items():
            noise = [generator(seed, "seed", task, backbone).normal(size=len(frame)) for seed in (1, 2, 3)]
            rows = [frame.assign(seed=seed, logit=frame["logit"] + spread * noise[seed - 1]) for seed in (1, 2, 3)]
            seeds[task, backbone] = pd.concat(rows)
            path = self.folder / "predictions" / "seeds" / task / f"{backbone}.csv"
            SEED_PREDICTIONS.write(seeds[task, backbone][["image_id", "seed", "logit"]], path)
        return seeds
