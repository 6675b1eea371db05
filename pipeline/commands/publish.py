"""Puts the models of the last run into published/: `make publish-models`. A clone then has them without a network.

Those of a run of profiles/wide.yaml become files in published/wide/, with which `minet sonify` plays where there was no run. Those
of any other run go into published/files/, the DVC remote inside the repository: `dvc pull models/vqvae models/mi_net_sync`. Git
keeps what this command adds there, and nothing else: what `dvc push` writes to this remote is ignored.
"""

import json
import shutil
import subprocess
from pathlib import Path

from ruamel.yaml import YAML

from pipeline.dataset.artifacts import MODELS, WIDE
from pipeline.errors import FileError, run
from pipeline.training import weights

PUBLISHED = Path("published")  # the remote's url in .dvc/config
NAMES = ("vqvae", "mi_net_sync", "mi_net_sync_content")  # the defaults of `minet sonify`, and the VQ-VAE of their codes
# What `minet sonify` plays notes with, for videos and for sensors; what `minet separate` takes sounds apart with; and what
# `minet visualise` makes films with.
OF_SYSTEMS = ("foley_timed", "imu_timed", "separator_movement", "listener", "frame_vae_better", "audio_to_body")


def main() -> None:
    of_wide = Path("params.yaml").read_bytes() == Path("profiles/wide.yaml").read_bytes()
    names = NAMES if of_wide else of_run()
    folder = publish_wide() if of_wide else publish_remote()
    subprocess.run(["git", "add", "--all", "--force", folder], check=True)
    size_mb = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
    print(f"{folder}/: {', '.join(names)}, {size_mb:.0f} MB; commit it{'' if of_wide else ' together with dvc.lock'}")


def publish_wide() -> Path:
    """Copy the models with the parameters and the lock of their run."""
    for name in NAMES:
        if not weights.exist(MODELS / name):
            raise FileError(MODELS / name, "no trained model there", "make it with: make repro")
    shutil.rmtree(WIDE, ignore_errors=True)
    for name in NAMES:
        shutil.copytree(MODELS / name, WIDE / MODELS / name)
    for file in ("params.yaml", "dvc.lock"):
        shutil.copy(file, WIDE / file)
    return WIDE


def publish_remote() -> Path:
    """Copy the models of dvc.lock from DVC's cache, as DVC lays out a remote."""
    from dvc.repo import Repo  # takes a second

    cache = Repo().cache.local
    # Not `dvc push`: it remembers what it has pushed, and does not see that a file was deleted since.
    copies = {}
    for name in of_run():
        listing = locked(Path(), name)
        if listing is None or not cache.exists(listing):
            advice = "make it with: make repro" if name in NAMES else f"fetch it with: dvc pull {MODELS / name}"
            raise FileError(MODELS / name, "not in dvc.lock, or not in DVC's cache", advice)
        for md5 in (listing, *files(Path(cache.oid_to_path(listing)))):
            copies[place(md5)] = Path(cache.oid_to_path(md5))
    shutil.rmtree(PUBLISHED / "files", ignore_errors=True)
    for target, source in copies.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)  # without the cache's mode, which is read-only
    return PUBLISHED / "files"


def of_run(root: Path = Path()) -> tuple[str, ...]:
    """The models that are published of a run: those of the paper's pipeline, and those of the systems that were run."""
    return (*NAMES, *(name for name in OF_SYSTEMS if locked(root, name) is not None))


def locked(root: Path, name: str) -> str | None:
    """The hash of a model's folder in dvc.lock, or in that of a system, if it is there."""
    locks = [
        YAML(typ="safe").load(file) for file in (root / "dvc.lock", *root.glob("systems/*/dvc.lock")) if file.exists()
    ]
    outs = (out for lock in locks for stage in lock["stages"].values() for out in stage.get("outs", ()))
    return next((out["md5"] for out in outs if out["path"] == f"{MODELS}/{name}"), None)


def files(listing: Path) -> list[str]:
    """The hashes of the files of a folder, from DVC's list of them."""
    return [entry["md5"] for entry in json.loads(listing.read_text(encoding="utf-8"))]


def place(md5: str) -> Path:
    """The file of a hash, as DVC lays out a remote."""
    return PUBLISHED / "files" / "md5" / md5[:2] / md5[2:]


if __name__ == "__main__":
    run(main)
