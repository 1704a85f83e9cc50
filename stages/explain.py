"""Show where the best backbone of a task sees its evidence, and how much of it lies in the lesion."""

from pathlib import Path

from nonmass import tables
from nonmass.assignment import check_assignment, read_seal
from nonmass.batches import read_images
from nonmass.determinism import RuntimeParams, make_torch_deterministic
from nonmass.entry import run_stage
from nonmass.files import write_json
from nonmass.gallery import ExplainParams, choose, doubtful_crops, write_gallery
from nonmass.gradcam import ensemble_maps
from nonmass.lesions import add_masks, mask_files, read_lesion
from nonmass.network import load_ensemble
from nonmass.params import read_section
from nonmass.pseudonyms import locate
from nonmass.saliency import compare_with_lesions, summarise
from nonmass.selection import best_backbone, explained_images


def main(
    measures_csv: Path,
    metrics_json: Path,
    models_dir: Path,
    predictions_dir: Path,
    manifest_csv: Path,
    fov_index_csv: Path,
    crops_csv: Path,
    raw_dir: Path,
    images_dir: Path,
    gallery_dir: Path,
    explain_json: Path,
) -> None:
    """Explain test and external images: GALLERY_DIR/index.csv with a picture a row, and EXPLAIN_JSON.

    Args:
        measures_csv: What the evaluation measured; it chooses backbone and cut-off.
        metrics_json: What the evaluation says of the split.
        models_dir: Holds a folder a backbone, and that one a seed.
        predictions_dir: Holds `<backbone>.csv`.
        manifest_csv: Knows the masks.
        fov_index_csv: Knows the fields of view.
        crops_csv: Knows how they became squares.
        raw_dir: Holds the masks.
        images_dir: Holds the cropped images.
        gallery_dir: Gets the pictures.
        explain_json: Gets the numbers, for `dvc metrics`.
    """
    params = read_section("explain", ExplainParams)
    runtime = read_section("runtime", RuntimeParams)
    make_torch_deterministic(runtime)
    measures = tables.MEASURES.read(measures_csv)
    backbone = best_backbone(measures, read_section("backbones", tuple[str, ...]))
    seal = read_seal(metrics_json, "certificate")
    predictions_csv = predictions_dir / f"{backbone}.csv"
    predictions = check_assignment(tables.PREDICTIONS.read(predictions_csv), seal, predictions_csv)
    judged = explained_images(predictions, measures, backbone)
    fields, crops = tables.FOV_INDEX.read(fov_index_csv), tables.CROPS.read(crops_csv)
    rows = add_masks(judged, tables.MANIFEST.read(manifest_csv), fields, crops)
    images = read_images(images_dir, rows["image_id"].tolist(), runtime.images_mib)
    networks = load_ensemble(models_dir / backbone, read_section("train.seeds", tuple[int, ...]))
    maps = ensemble_maps(networks, images, (rows["called"] == "positive").to_numpy())

    places = locate(raw_dir, mask_files(rows))
    lesions = (read_lesion(places, row) for row in rows.itertuples())
    numbers = summarise(compare_with_lesions(rows, maps, lesions))
    about = {"backbone": backbone, "doubtful_crops": doubtful_crops(rows), **seal.metrics()}
    write_json(explain_json, {**about, **numbers})
    write_gallery(gallery_dir, choose(rows, params.gallery_images), images, maps, places)


if __name__ == "__main__":
    run_stage(main)
