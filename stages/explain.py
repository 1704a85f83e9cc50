"""Show where the best backbone of a task sees its evidence, and put the maps to the test, image by image."""

from pathlib import Path

from nonmass import tables
from nonmass.assignment import check_assignment, read_seal
from nonmass.determinism import RuntimeParams, make_torch_deterministic
from nonmass.entry import run_stage
from nonmass.explanation import ExplainParams, explain, fixed_sample, randomisation_check
from nonmass.files import write_json
from nonmass.gallery import choose, doubtful_crops, write_gallery
from nonmass.intervention import left_out, perturb, perturbed_samples
from nonmass.lesions import add_masks, mask_files
from nonmass.network import load_ensemble
from nonmass.params import read_section
from nonmass.pseudonyms import locate
from nonmass.randomisation import fresh_networks
from nonmass.selection import best_backbone, explained_images


def main(
    measures_csv: Path,
    metrics_json: Path,
    models_dir: Path,
    predictions_dir: Path,
    manifest_csv: Path,
    fov_index_csv: Path,
    crops_csv: Path,
    marks_csv: Path,
    raw_dir: Path,
    images_dir: Path,
    gallery_dir: Path,
    checks_dir: Path,
) -> None:
    """Explain test and external images: GALLERY_DIR/index.csv with a picture a row, and tables in CHECKS_DIR.

    Args:
        measures_csv: What the evaluation measured; it chooses backbone and cut-off.
        metrics_json: What the evaluation says of the split.
        models_dir: Holds a folder a backbone, and that one a seed.
        predictions_dir: Holds `<backbone>.csv`.
        manifest_csv: Knows the masks.
        fov_index_csv: Knows the fields of view.
        crops_csv: Knows how they became squares.
        marks_csv: Knows which screens bear marks.
        raw_dir: Holds the masks and the screens.
        images_dir: Holds the cropped images.
        gallery_dir: Gets the pictures.
        checks_dir: Gets `lesions.csv`, `randomised.csv`, `perturbed.csv`, and `about.json`.
    """
    params = read_section("explain", ExplainParams)
    make_torch_deterministic(read_section("runtime", RuntimeParams))
    measures = tables.MEASURES.read(measures_csv)
    backbone = best_backbone(measures, read_section("backbones", tuple[str, ...]))
    seal = read_seal(metrics_json, "certificate")
    predictions_csv = predictions_dir / f"{backbone}.csv"
    predictions = check_assignment(tables.PREDICTIONS.read(predictions_csv), seal, predictions_csv)
    judged = explained_images(predictions, measures, backbone)
    fields, crops = tables.FOV_INDEX.read(fov_index_csv), tables.CROPS.read(crops_csv)
    rows = add_masks(judged, tables.MANIFEST.read(manifest_csv), fields, crops)
    networks = load_ensemble(models_dir / backbone, read_section("train.seeds", tuple[int, ...]))
    fresh = fresh_networks(networks)
    samples = perturbed_samples(rows, tables.MARKS.read(marks_csv), params.perturbed_images)
    places = locate(raw_dir, {*mask_files(rows), *samples["marks"]["path"]})

    explanation = explain(networks, fresh, rows, images_dir, places)
    sample = fixed_sample(rows.loc[explanation.has_map], params.randomised_images, "randomise")
    randomised = randomisation_check(networks, fresh, sample, explanation.maps, images_dir)
    perturbed = perturb(networks, samples, images_dir, places)

    tables.LESION_MATCHES.write(explanation.matches, checks_dir / "lesions.csv")
    tables.RANDOMISED.write(randomised, checks_dir / "randomised.csv")
    tables.PERTURBED.write(perturbed, checks_dir / "perturbed.csv")
    counts = {"doubtful_crops": doubtful_crops(rows), "not_perturbed": left_out(samples, perturbed)}
    write_json(checks_dir / "about.json", {"backbone": backbone, **counts, **seal.metrics()})
    chosen = choose(rows, params.gallery_images)
    write_gallery(gallery_dir, chosen, images_dir, explanation.maps, explanation.top, places)


if __name__ == "__main__":
    run_stage(main)
