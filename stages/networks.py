"""Stage `networks`: what the networks of params.yaml are made of, at the side of the images."""

from pathlib import Path

from nonmass.architecture import describe_network
from nonmass.entry import run_stage
from nonmass.files import write_json
from nonmass.network import NetworkParams, build_network
from nonmass.params import read_section


def main(networks_json: Path) -> None:
    """Build each network once, without weights of anybody's, and write its blocks, parameters and multiply-adds."""
    side_px = read_section("crop.side_px", int)
    settings = read_section("networks", dict[str, NetworkParams])
    described = {}
    for backbone in read_section("backbones", tuple[str, ...]):
        network = build_network(settings[backbone].timm, side_px=side_px)
        described[backbone] = {"timm": settings[backbone].timm, "side_px": side_px}
        described[backbone] |= describe_network(network, side_px)
    write_json(networks_json, described)


if __name__ == "__main__":
    run_stage(main)
