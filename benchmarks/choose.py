"""Which settings of the sampling are best? `python -m benchmarks.choose [MODEL] [WINDOWS]`

Samples a prior (mi_net_sync unless another is named) for windows of the tracks that are there to choose by, with other values of
`generate` in params.yaml, each on its own: the scale of guidance, the candidates of reranking, the temperature. Prints CSV: onset
F1 against the notes, the same against another track's notes, and how often the right instrument is heard, with the standard errors
of F1 and of the share over tracks. No test track is looked at, so that the tables stay a test.
"""

import sys
from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch

from pipeline import params
from pipeline.audio import onset_detector
from pipeline.compute import determinism, parallel
from pipeline.dataset import split
from pipeline.dataset.artifacts import MODELS, SPLITS
from pipeline.dataset.windows import Windows, to_tensors
from pipeline.errors import NothingLeft
from pipeline.evaluation import cells, content, rows
from pipeline.metrics import onset
from pipeline.sampling import batches, codec
from pipeline.sampling.sampler import as_set, sample
from pipeline.training import priors

TRIED = {"guidance": (1.0, 2.0, 3.0, 4.0), "candidates": (1, 3, 5), "temperature": (0.8, 0.9, 1.0)}


def trials(chosen: params.Generate) -> Iterator[params.Generate]:
    """The settings as they are, and with each value of `TRIED` in place of one of them."""
    yield chosen
    for name, values in TRIED.items():
        yield from (chosen.model_copy(update={name: value}) for value in values if value != getattr(chosen, name))


@torch.inference_mode()
def hear(
    name: str, first: int, batch: dict[str, np.ndarray], trial: params.Generate
) -> tuple[list[np.ndarray], list[str]]:
    """Onsets in s of what a prior makes for a batch of windows, and the instruments that are heard."""
    settings, device = batches.prepare()
    model, vqvae = priors.load(MODELS / name).to(device), codec.load().to(device)
    # The same random numbers in every trial.
    generator = batches.generator_of(settings.seed, first, device=device)
    own = {key: array.copy() for key, array in batch.items()}  # what another process hands over cannot be written to
    read = {key: tensor.to(device) for key, tensor in to_tensors(own).items()}
    how = as_set(settings.model_copy(update={"generate": trial}), vqvae)
    codes = sample(model, read["motion"], read.get("notes"), batch["codes"].shape[1], how, generator)
    made = codec.decode(vqvae, codes.cpu().numpy())
    onsets_s = [onset_detector.detect(window, settings.audio.fps) for window in made]
    return onsets_s, cells.hear(cells.load_classifier(), made)


def error(values: pd.Series, tracks: list[str]) -> float:
    """Standard error of the mean of windows, by the means of their tracks."""
    means = values.groupby(np.array(tracks)).mean()
    return float(means.std() / np.sqrt(len(means)))


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else "mi_net_sync"
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 130
    settings = params.load()
    determinism.prepare(settings.seed)
    names = split.tracks(SPLITS, "choose")
    if not names:
        raise NothingLeft(f"{SPLITS}: no track is there to choose by; an instrument needs three")
    sources = priors.sources(settings, params.variant(settings.variants.prior, name))
    windows = Windows(sources, names, settings.windows.duration_s)
    places = windows.spread(count)
    tracks, instruments = [track for track, _ in places], rows.instrument_of()
    asked = [true_s for _, true_s in content.content(places, windows.counts["codes"], settings)]
    order, moved = rows.others(places)
    tolerance_s, size = settings.evaluate.onset_tolerance_s, settings.generate.batch
    table = []
    for trial in trials(settings.generate):
        calls = [(name, first, windows.batch(places[first : first + size]), trial) for first in range(0, count, size)]
        parts = list(parallel.each(hear, calls, "loky"))
        found = [found_s for batch_s, _ in parts for found_s in batch_s]
        heard = [one for _, batch in parts for one in batch]
        f1 = pd.Series([onset.f1(*pair, tolerance_s) for pair in zip(asked, found, strict=True)])
        right = pd.Series([float(instruments[track] == one) for track, one in zip(tracks, heard, strict=True)])
        control = np.nanmean([onset.f1(asked[i], found[order[i]], tolerance_s) for i in np.flatnonzero(moved)])
        row = {"guidance": trial.guidance, "candidates": trial.candidates, "temperature": trial.temperature}
        row |= {"onset_f1": f1.mean(), "error": error(f1, tracks), "shuffled": control}
        table.append(row | {"heard": right.mean(), "heard_error": error(right, tracks)})
        print(*(f"{key} {value:.4g}" for key, value in table[-1].items()), file=sys.stderr)
    pd.DataFrame(table).to_csv(sys.stdout, index=False, float_format="%.3f")


if __name__ == "__main__":
    main()
