"""Score the validation, test and external images with one backbone: with each of its seeds, and with all together."""

from pathlib import Path

from nonmass import tables
from nonmass.assignment import assignment_hash
from nonmass.batches import read_images
from nonmass.determinism import RuntimeParams, make_torch_deterministic
from nonmass.ensemble import ensemble_logits
from nonmass.entry import run_stage
from nonmass.network import load_ensemble
from nonmass.params import read_section
from nonmass.prediction import predict_logits, prediction_rows, seed_rows


def main(model_dir: Path, split_csv: Path, images_dir: Path, predictions_csv: Path, seeds_csv: Path) -> None:
    """Read models, split and images, score every image that was not trained on, write the scores.

    Args:
        model_dir: Holds a folder a seed; others than those of params are not looked at.
        split_csv: Says which images, and their truth.
        images_dir: Holds the cropped images.
        predictions_csv: Gets the ensemble's scores, one row an image.
        seeds_csv: Gets the members' logits, one row an image and seed.
    """
    runtime = read_section("runtime", RuntimeParams)
    make_torch_deterministic(runtime)
    networks = load_ensemble(model_dir, read_section("train.seeds", tuple[int, ...]))

    split = tables.SPLIT.read(split_csv)
    scored = split[split["part"] != "train"].reset_index(drop=True)
    image_ids = scored["image_id"].tolist()
    images = read_images(images_dir, image_ids, runtime.images_mib)
    logits = {seed: predict_logits(network, images) for seed, network in networks.items()}
    rows = prediction_rows(scored, ensemble_logits(logits), assignment_hash(split))
    tables.PREDICTIONS.write(rows, predictions_csv)
    tables.SEED_PREDICTIONS.write(seed_rows(image_ids, logits), seeds_csv)


if __name__ == "__main__":
    run_stage(main)
