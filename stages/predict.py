"""Score the validation, test and external images with one trained model."""

from pathlib import Path

from nonmass import tables
from nonmass.assignment import assignment_hash
from nonmass.batches import read_images
from nonmass.determinism import RuntimeParams, make_torch_deterministic
from nonmass.entry import run_stage
from nonmass.network import load_trained
from nonmass.params import read_section
from nonmass.prediction import predict_logits, prediction_rows


def main(model_dir: Path, split_csv: Path, images_dir: Path, predictions_csv: Path) -> None:
    """Read model, split and images, score every image that was not trained on, write the scores."""
    make_torch_deterministic(read_section("runtime", RuntimeParams))
    network = load_trained(model_dir)

    split = tables.SPLIT.read(split_csv)
    scored = split[split["part"] != "train"].reset_index(drop=True)
    logits = predict_logits(network, read_images(images_dir, scored["image_id"].tolist()))
    tables.PREDICTIONS.write(prediction_rows(scored, logits, assignment_hash(split)), predictions_csv)


if __name__ == "__main__":
    run_stage(main)
