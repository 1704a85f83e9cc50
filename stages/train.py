"""Train one backbone for one task."""

from importlib.metadata import version
from pathlib import Path

import pandas as pd

from nonmass import tables
from nonmass.batches import read_images
from nonmass.determinism import RuntimeParams, choose_precision, make_torch_deterministic
from nonmass.entry import run_stage
from nonmass.files import write_json
from nonmass.network import NetworkParams, build_network, count_parameters, save_weights
from nonmass.params import read_section
from nonmass.training import LrDecayParams, Part, TrainParams, quieten, train


def main(task: str, backbone: str, split_csv: Path, images_dir: Path, model_dir: Path) -> None:
    """Read the split and the images, train, write weights, history and a record of the run."""
    params = read_section("train", TrainParams)
    decay = read_section(f"lr_decay.{task}", LrDecayParams)
    settings = read_section(f"networks.{backbone}", NetworkParams)
    runtime = read_section("runtime", RuntimeParams)
    quieten()

    split = tables.SPLIT.read(split_csv)

    def read_part(name: str) -> Part:
        rows = split[split["part"] == name].reset_index(drop=True)
        return Part(rows, read_images(images_dir, rows["image_id"].tolist()))

    def write_history(history: pd.DataFrame) -> None:
        tables.HISTORY.write(history, model_dir / "history.csv")

    train_part, val_part = read_part("train"), read_part("val")
    make_torch_deterministic(runtime, params.seed, "weights", task)
    network = build_network(settings.timm)
    precision = choose_precision(runtime)
    trained = train(network, train_part, val_part, params, decay, precision=precision, on_epoch=write_history)

    save_weights(trained.weights, model_dir / "model.safetensors")
    best = trained.history.to_dict("records")[trained.best_epoch]
    record = {
        "task": task,
        "backbone": backbone,
        **settings.model_dump(),
        "parameters": count_parameters(network),
        "side_px": train_part.images.shape[1],
        "best_epoch": trained.best_epoch,
        "epochs": len(trained.history),
        "val_loss": best["val_loss"],
        "val_auc": best["val_auc"],
        **runtime.model_dump(),
        "precision": precision,
        **{f"{package}_version": version(package) for package in ("torch", "timm", "lightning")},
    }
    write_json(model_dir / "model.json", record)


if __name__ == "__main__":
    run_stage(main)
