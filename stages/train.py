"""Train one backbone for one task from one seed."""

from importlib.metadata import version
from pathlib import Path

import pandas as pd

from nonmass import tables
from nonmass.augment import AugmentParams
from nonmass.batches import read_images
from nonmass.determinism import RuntimeParams, choose_precision, make_torch_deterministic
from nonmass.entry import run_stage
from nonmass.files import write_json
from nonmass.network import NetworkParams, build_network, count_parameters, save_weights, weights_record
from nonmass.params import read_section
from nonmass.pretraining import PretrainParams
from nonmass.processes import launch
from nonmass.recipe import LrDecayParams, Recipe, TrainParams
from nonmass.resume import FOLDER, StateFile, fingerprint, saving
from nonmass.training import Part, train


def main(task: str, backbone: str, seed: int, split_csv: Path, images_dir: Path, model_dir: Path) -> None:
    """Read the split and the images, train, write weights, history and a record of the run."""
    params = read_section("train", TrainParams)
    recipe = Recipe(
        train=params,
        decay=read_section(f"lr_decay.{task}", LrDecayParams),
        augment=read_section("augment", AugmentParams),
        pretrain=read_section("pretrain", PretrainParams),
        seed=seed,
    )
    settings = read_section(f"networks.{backbone}", NetworkParams)
    runtime = read_section("runtime", RuntimeParams)
    split = tables.SPLIT.read(split_csv)
    precision = choose_precision(runtime)
    fabric = launch(runtime, precision)

    def read_part(name: str) -> Part:
        rows = split[split["part"] == name].reset_index(drop=True)
        return Part(rows, read_images(images_dir, rows["image_id"].tolist(), runtime.images_mib, FOLDER))

    def write_history(history: pd.DataFrame) -> None:
        with saving(model_dir / "history.csv"):
            tables.HISTORY.write(history, model_dir / "history.csv")

    parts = read_part("train"), read_part("val")
    record = {
        "task": task,
        "backbone": backbone,
        "seed": seed,
        **settings.model_dump(),
        **weights_record(settings),
        **runtime.model_dump(),
        "precision": precision,
        "device": fabric.device.type,
        "side_px": parts[0].images.shape[1],
    }
    told = {**record, "recipe": recipe.model_dump(exclude={"train": {"seeds"}})}
    saved = StateFile(
        model_dir, fingerprint(told, [part.rows for part in parts], [part.images for part in parts], Path(__file__))
    )
    make_torch_deterministic(runtime, seed, "weights", task)
    network = build_network(
        settings.timm,
        head=params.head,
        dropout=params.dropout,
        weights=settings.weights,
        side_px=parts[0].images.shape[1],
    )
    trained = train(network, *parts, recipe, fabric, saved=saved, on_epoch=write_history)
    if not fabric.is_global_zero:
        return

    kept = trained.history.to_dict("records")[trained.kept_epoch]
    record |= {
        "parameters": count_parameters(network),
        "kept_epoch": trained.kept_epoch,
        "epochs": len(trained.history),
        "val_loss": kept["val_loss"],
        "val_auc": kept["val_auc"],
        **{f"{package}_version": version(package) for package in ("torch", "timm")},
    }
    with saving(model_dir):
        save_weights(trained.weights, model_dir / "model.safetensors")
        write_json(model_dir / "model.json", record)
    saved.remove()


if __name__ == "__main__":
    run_stage(main)
