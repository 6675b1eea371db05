"""Puts the models of the last run into published/, the DVC remote inside the repository: `make publish-models`.

A clone then has them without a network: `dvc pull models/vqvae models/mi_net_sync`. Git keeps what this command adds there, and
nothing else: what `dvc push` writes to this remote is ignored.
"""

import json
import shutil
import subprocess
from pathlib import Path

from ruamel.yaml import YAML

from pipeline.dataset.artifacts import MODELS
from pipeline.errors import FileError, run

PUBLISHED = Path("published")  # the remote's url in .dvc/config
NAMES = ("vqvae", "mi_net_sync", "mi_net_sync_content")  # the defaults of `minet sonify`, and the VQ-VAE of their codes


def main() -> None:
    from dvc.repo import Repo  # takes a second

    cache = Repo().cache.local
    # Not `dvc push`: it remembers what it has pushed, and does not see that a file was deleted since.
    copies = {}
    for name in NAMES:
        listing = locked(Path(), name)
        if listing is None or not cache.exists(listing):
            raise FileError(MODELS / name, "not in dvc.lock, or not in DVC's cache", "make it with: make repro")
        for md5 in (listing, *files(Path(cache.oid_to_path(listing)))):
            copies[place(md5)] = Path(cache.oid_to_path(md5))
    shutil.rmtree(PUBLISHED, ignore_errors=True)
    for target, source in copies.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)  # without the cache's mode, which is read-only
    subprocess.run(["git", "add", "--all", "--force", PUBLISHED], check=True)
    size_mb = sum(target.stat().st_size for target in copies) / 1e6
    print(f"{PUBLISHED}/: {', '.join(NAMES)}, {size_mb:.0f} MB; commit it together with dvc.lock")


def published(root: Path, name: str) -> bool:
    """Whether the model of dvc.lock is in published/, so that `dvc pull` brings it. It is not if it was trained since.

    Args:
        root: the folder of the checkout.
    """
    md5 = locked(root, name)
    return md5 is not None and (root / place(md5)).exists()


def locked(root: Path, name: str) -> str | None:
    """The hash of a model's folder in dvc.lock, if it is there."""
    try:
        lock = YAML(typ="safe").load(root / "dvc.lock")
    except FileNotFoundError:
        return None
    outs = (out for stage in lock["stages"].values() for out in stage.get("outs", ()))
    return next((out["md5"] for out in outs if out["path"] == f"{MODELS}/{name}"), None)


def files(listing: Path) -> list[str]:
    """The hashes of the files of a folder, from DVC's list of them."""
    return [entry["md5"] for entry in json.loads(listing.read_text(encoding="utf-8"))]


def place(md5: str) -> Path:
    """The file of a hash, as DVC lays out a remote."""
    return PUBLISHED / "files" / "md5" / md5[:2] / md5[2:]


if __name__ == "__main__":
    run(main)
