"""Make the embedded corpus in data/raw/studio, in URMP's own layout."""

import os
import shutil
from pathlib import Path

from joblib import Parallel, cpu_count, delayed
from tqdm import tqdm

from pipeline import params
from pipeline.compute import work
from pipeline.dataset.artifacts import STUDIO
from pipeline.errors import run
from pipeline.studio import pieces


def main() -> None:
    settings = params.load()
    if settings.corpus.name != "studio":
        shutil.rmtree(STUDIO, ignore_errors=True)
        STUDIO.mkdir(parents=True)
        print(f"studio: corpus.name is {settings.corpus.name}, so no embedded corpus is made")
        return
    made_of = settings.studio
    plan = pieces.plan(made_of.tracks_per_instrument, made_of.ensembles, made_of.instruments)
    jobs = [delayed(_make)(index, codes, settings) for index, codes in enumerate(plan)]
    # The long pieces (the ensembles) come first in the plan, so no worker is left alone with one at the end.
    made = Parallel(n_jobs=min(cpu_count(), len(jobs)), return_as="generator")(jobs)
    folders = list(tqdm(made, total=len(jobs), desc="studio", unit="piece", smoothing=0))

    shutil.rmtree(STUDIO, ignore_errors=True)
    STUDIO.mkdir(parents=True)
    for index, (codes, folder) in enumerate(zip(plan, folders, strict=True)):
        folder.rename(STUDIO / pieces.piece_name(index, codes))
    shutil.rmtree(work.WORK / "studio", ignore_errors=True)


def _make(index: int, codes: tuple[str, ...], settings: params.Params) -> Path:
    """The finished folder of a piece in work/, made now or by an earlier run that was killed."""
    key = work.key(__file__, settings.studio, index, codes)
    folder = work.WORK / "studio" / key
    if not folder.exists():
        # The name holds the process id: a worker of a run that was just killed may still be making the same piece.
        unfinished = folder.with_suffix(f".{os.getpid()}.part")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        pieces.make_piece(unfinished, index, codes, settings.studio)
        if not folder.exists():
            unfinished.rename(folder)
    return folder


if __name__ == "__main__":
    run(main)
