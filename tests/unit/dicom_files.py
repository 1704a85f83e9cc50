"""Makers of DICOM ultrasound files whose pixels, regions and identities are known by construction."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pydicom import Dataset, dcmwrite, uid
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels.encoders.base import get_encoder
from pydicom.sequence import Sequence as Items

ULTRASOUND = "1.2.840.10008.5.1.4.1.1.6.1"
CLIP = "1.2.840.10008.5.1.4.1.1.3.1"
# What must never come out, except where a test says so. All invented.
SECRETS = {
    "PatientName": "Quarxelba^Zyndra",
    "PatientBirthDate": "19370213",
    "InstitutionName": "Vexholm Infirmary",
    "ReferringPhysicianName": "Drabnick^Oswy",
    "StudyDescription": "Quarxelba second look",
    "PatientAddress": "9 Plomvitch Row",
}
PRIVATE = "Wimblequat private note"


def drawn(height: int = 40, width: int = 48, seed: int = 3, frames: int = 0, samples: int = 1) -> np.ndarray:
    """Noise, `(H, W)`, `(H, W, samples)` or with frames in front, uint8."""
    shape = ((frames,) if frames else ()) + (height, width) + ((samples,) if samples > 1 else ())
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def dataset(
    pixels: np.ndarray, photometric: str = "MONOCHROME2", frames: int = 0, private: str = PRIVATE, **elements: Any
) -> Dataset:
    """An ultrasound image with planted identities; `elements` replace or add some, and None takes one out.

    Args:
        pixels: `(H, W)`, `(H, W, 3)`, or one more axis in front if `frames` is not 0; stored values.
        photometric: What they mean.
        frames: How many, 0 for a still picture without NumberOfFrames.
        private: Text of a private element.
        elements: Keyword -> value.
    """
    height, width = pixels.shape[1:3] if frames else pixels.shape[:2]
    made = Dataset()
    standard = {
        "SpecificCharacterSet": "ISO_IR 192",
        "SOPClassUID": CLIP if frames else ULTRASOUND,
        "SOPInstanceUID": "1.2.826.0.1.3680043.8.498.1",
        "StudyInstanceUID": "1.2.826.0.1.3680043.8.498.2",
        "SeriesInstanceUID": "1.2.826.0.1.3680043.8.498.3",
        "Modality": "US",
        "Manufacturer": "Tonewave",
        "ManufacturerModelName": "T 5",
        "PatientID": "P001",
        "AccessionNumber": "A001",
        **SECRETS,
        "Rows": height,
        "Columns": width,
        "SamplesPerPixel": pixels.shape[-1] if pixels.ndim - bool(frames) == 3 else 1,
        "PhotometricInterpretation": photometric,
        "BitsAllocated": 8 * pixels.itemsize,
        "BitsStored": 8 * pixels.itemsize,
        "HighBit": 8 * pixels.itemsize - 1,
        "PixelRepresentation": 0,
    }
    if pixels.ndim - bool(frames) == 3:
        standard["PlanarConfiguration"] = 0
    if frames:
        standard["NumberOfFrames"] = frames
    for keyword, value in {**standard, **elements}.items():
        if value is not None:
            setattr(made, keyword, value)
    block = made.private_block(0x0029, "NOBODY KNOWS", create=True)
    block.add_new(0x01, "LO", private)
    made.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
    made["PixelData"].VR = "OB" if pixels.itemsize == 1 else "OW"
    return made


def region(box: Sequence[int], spatial_format: int = 1, data_type: int = 1) -> Dataset:
    """An item of the Sequence of Ultrasound Regions; the far corner belongs to the region."""
    made = Dataset()
    made.RegionSpatialFormat, made.RegionDataType = spatial_format, data_type
    made.RegionLocationMinX0, made.RegionLocationMinY0, made.RegionLocationMaxX1, made.RegionLocationMaxY1 = box
    return made


def with_regions(*items: Dataset) -> dict[str, Any]:
    """As an element for `dataset`."""
    return {"SequenceOfUltrasoundRegions": Items(items)}


def save(path: Path, made: Dataset, syntax: str = uid.ExplicitVRLittleEndian, streams: Sequence[bytes] = ()) -> Path:
    """Write a file; of an encapsulated syntax, `streams` are its frames' codestreams."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = uid.UID(syntax)
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = made.SOPClassUID, made.SOPInstanceUID
    if streams:
        made.PixelData = encapsulate(list(streams))
        made["PixelData"].VR = "OB"
        made["PixelData"].is_undefined_length = True
    made.file_meta, made.preamble = meta, b"\0" * 128
    path.parent.mkdir(parents=True, exist_ok=True)
    is_implicit, is_little = syntax == uid.ImplicitVRLittleEndian, syntax != uid.ExplicitVRBigEndian
    dcmwrite(path, made, implicit_vr=is_implicit, little_endian=is_little, enforce_file_format=True)
    return path


def still(path: Path, pixels: np.ndarray | None = None, photometric: str = "MONOCHROME2", **elements: Any) -> Path:
    """An uncompressed still picture; the shortest way to a file."""
    return save(path, dataset(drawn() if pixels is None else pixels, photometric, **elements))


def write_dicom(path: Path, pixels: np.ndarray, private: str = PRIVATE, **elements: Any) -> Path:
    """A still picture of `(H, W)` with identities of one's own."""
    return save(path, dataset(pixels, private=private, **elements))


def clip(path: Path, pixels: np.ndarray, photometric: str = "MONOCHROME2", **elements: Any) -> Path:
    """An uncompressed clip of `(frames, H, W)` or `(frames, H, W, 3)`."""
    return save(path, dataset(pixels, photometric, len(pixels), **elements))


def compressed(pixels: np.ndarray, syntax: str, photometric: str = "MONOCHROME2", **options: Any) -> bytes:
    """Codestream of one frame by pydicom's encoder (RLE, JPEG 2000)."""
    made = dataset(pixels, photometric)
    plugin = "pydicom" if syntax == uid.RLELossless else "pylibjpeg"
    return get_encoder(syntax).encode(made, index=0, encoding_plugin=plugin, **options)


def jpeg(image: Image.Image, quality: int = 95, **options: Any) -> bytes:
    """Baseline JPEG by Pillow."""
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=quality, **options)
    return buffer.getvalue()


def without_markers(stream: bytes) -> bytes:
    """A JPEG without its APP markers, which say in what colours it is."""
    kept, place = stream[:2], 2
    while stream[place + 1] != 0xDA:
        end = place + 2 + int.from_bytes(stream[place + 2 : place + 4], "big")
        kept += b"" if 0xE0 <= stream[place + 1] <= 0xEF else stream[place:end]
        place = end
    return kept + stream[place:]


def lossless_jpeg(gray: np.ndarray) -> bytes:
    """Lossless JPEG, process 14, selection value 1 (ITU-T T.81 annex H), of `(H, W)` uint8.

    Each difference to the pixel on the left (in the first column: above) is its number of bits, as a code of four
    bits, and these bits. 128 is the prediction of the first pixel.
    """
    height, width = gray.shape
    values = gray.astype(int)
    expected = np.empty_like(values)
    expected[:, 1:], expected[1:, 0], expected[0, 0] = values[:, :-1], values[:-1, 0], 128
    bits = ""
    for difference in (values - expected).ravel():
        n_bits = int(abs(difference)).bit_length()
        bits += f"{n_bits:04b}"
        if n_bits:
            bits += f"{difference if difference > 0 else difference + 2**n_bits - 1:0{n_bits}b}"
    bits += "1" * (-len(bits) % 8)
    scan = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\x00")
    table = bytes([0, 0, 0, 0, 9, *[0] * 12, *range(9)])  # nine codes of four bits, for 0 to 8 bits
    frame = b"\x08" + height.to_bytes(2, "big") + width.to_bytes(2, "big") + b"\x01\x01\x11\x00"
    parts = [(0xC3, frame), (0xC4, table), (0xDA, b"\x01\x01\x00\x01\x00\x00")]
    segments = (b"\xff" + bytes([code]) + (2 + len(body)).to_bytes(2, "big") + body for code, body in parts)
    return b"\xff\xd8" + b"".join(segments) + scan + b"\xff\xd9"
