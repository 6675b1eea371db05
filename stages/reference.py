"""What every model is compared with: NDB's cells, recorded windows, and recorded windows decoded from their codes.

Rows: training_set (held-out training tracks against the others, the floor of NDB), test_set (the recorded test windows), and each
VQ-VAE (the same windows decoded from their codes, the ceiling of the models over codes).
"""

import json
from collections import Counter
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from pipeline import params
from pipeline.compute import determinism
from pipeline.dataset import split
from pipeline.dataset.artifacts import CODES, COMPARISONS, METRICS, MODELS, SPECTROGRAMS, SPLITS
from pipeline.dataset.shards import Shards
from pipeline.dataset.windows import Places, Source, Windows
from pipeline.errors import run
from pipeline.evaluation import body_states, cells, content, rows
from pipeline.evaluation.rows import BATCH, Batches
from pipeline.metrics import bootstrap
from pipeline.models.vqvae import VQVAE
from pipeline.sampling import codec
from pipeline.training import priors

# Suffix of a comparison → the column of errors.csv that it compares.
ERRORS = {"": "squared_error", "_unquantised": "squared_error_unquantised"}


def main() -> None:
    settings = params.load()
    determinism.prepare(settings.seed)
    spectrograms = Source(Shards(SPECTROGRAMS), "spectrogram", settings.audio.fps)
    train, test = (
        Windows({"spectrogram": spectrograms}, split.tracks(SPLITS, part), settings.windows.duration_s)
        for part in ("train", "test")
    )
    cells.make_cells(train, settings).save()
    # The places for which every model generates.
    tracks = split.tracks(SPLITS, "test")
    generated = Windows(priors.sources(settings), tracks, settings.windows.duration_s)
    places = generated.spread(settings.generate.samples)
    chosen = [places[number] for number in content.listened_to(places, settings)]
    repeats = list(range(settings.evaluate.ndb_repeats))

    like = {track for track, _ in places}
    floor = [([repeat], *held_out(train, like, len(places), repeat, settings)) for repeat in repeats]
    rows.folder("training_set")
    rows.write("training_set", cells.fill_cells("training_set", iter(floor), settings) if floor[0][1] else {})

    reads = {"test_set": partial(read, test)}
    errors, parameters = {}, {}
    for name in settings.variants.vqvae:
        model = codec.load(MODELS / name).to(determinism.device())
        parameters[name] = sum(parameter.numel() for parameter in model.parameters())
        codes, errors[name] = through_codes(model, spectrograms.shards, tracks)
        reads[name] = partial(listen, model, codes, test.counts["spectrogram"])
    for row, windows_at in reads.items():
        batches = (windows_at(places[first : first + BATCH]) for first in range(0, len(places), BATCH))
        metrics = cells.fill_cells(row, iter([(repeats, places, batches)]), settings)
        metrics |= content.measure_content(row, windows_at(chosen), chosen, settings)
        if row == "test_set":
            # The control of the body encoders: the mean of each joint over the window, without a model.
            metrics |= body_states.states(lambda motion: motion.mean(1).flatten(1), row, settings)
        if row in errors:
            metrics["mse"] = mse(errors[row])
            errors[row].to_csv(rows.folder(row) / "errors.csv", index=False, float_format="%.8g")
        rows.write(row, metrics)
    compare(errors, parameters, settings)
    codebook_usage(settings)


def held_out(
    windows: Windows, like: set[str], size: int, repeat: int, settings: params.Params
) -> tuple[Places, Batches]:
    """`size` windows, spread over training tracks drawn at random, anew in every repeat; none if there is a single track.

    Of each instrument there are as many tracks as in `like`, the tracks of the other rows, but at most half of those there are.
    Instruments with a single track are treated as one instrument together, as by the split. NDB's cells were fitted to windows
    of all training tracks, these too.
    """
    instruments = rows.instrument_of()
    known = Counter(instruments[track] for track in windows.starts)

    def group(track: str) -> str:
        return instruments[track] if known[instruments[track]] > 1 else ""

    wanted = Counter(map(group, like))
    generator = np.random.default_rng((settings.seed, repeat, 1))  # not that of NDB's cells
    tracks: list[str] = []
    for name, count in sorted(wanted.items()):
        here = [track for track in windows.starts if group(track) == name]
        tracks += generator.permutation(here)[: min(count, len(here) // 2)].tolist()
    if not tracks:
        return [], []
    places = Windows(windows.sources, sorted(tracks), settings.windows.duration_s).spread(size)
    return places, (read(windows, places[first : first + BATCH]) for first in range(0, size, BATCH))


def read(windows: Windows, places: Places) -> np.ndarray:
    """Recorded windows: float32 [windows, frames, bins]."""
    return windows.batch(places)["spectrogram"].astype(np.float32)


def listen(model: VQVAE, codes: dict[str, np.ndarray], frames: int, places: Places) -> np.ndarray:
    """The same windows decoded from their codes: float32 [windows, frames, bins]."""
    return codec.decode(model, np.stack([codes[track][start : start + frames] for track, start in places]))


def through_codes(model: VQVAE, spectrograms: Shards, tracks: list[str]) -> tuple[dict[str, np.ndarray], pd.DataFrame]:
    """The codes of each track, and a table with one row per track.

    A row has the number of the track's values, the sum of their squared errors after decoding, the same if nothing is quantised
    between encoder and decoder, and the sum of their squared deviations from each bin's mean over all these tracks.
    """
    frames = sum(spectrograms.length(track) for track in tracks)
    sums = [spectrograms.rows("spectrogram", track).sum(0, dtype=np.float64) for track in tracks]
    bin_mean = (np.sum(sums, axis=0) / frames).astype(np.float32)
    codes, rows = {}, []
    for track in tracks:
        recorded = spectrograms.rows("spectrogram", track).astype(np.float32)
        codes[track] = codec.encode(model, recorded)
        others = (codec.decode_long(model, codes[track]), codec.unquantised(model, recorded), bin_mean)
        squares = (float(np.square(other - recorded).sum(dtype=np.float64)) for other in others)
        rows.append((track, recorded.size, *squares))
    return codes, pd.DataFrame(rows, columns=["track", "values", *ERRORS.values(), "variance"])


def compare(errors: dict[str, pd.DataFrame], parameters: dict[str, int], settings: params.Params) -> None:
    """Write evaluations/comparisons.json: the gain from multi-band blocks with and without codes, with intervals over tracks."""
    variance = errors["vqvae"].variance.to_numpy()
    several = len(variance) > 1  # a single track has no spread
    confidence, seed = settings.evaluate.confidence, settings.seed

    def estimate(value: float, interval: tuple[float, float] | None) -> dict[str, float | None]:
        low, high = interval or (None, None)
        return {"value": value, "low": low, "high": high}

    figures: dict[str, Any] = {"parameters": parameters}
    for suffix, column in ERRORS.items():
        sums = {name: table[column].to_numpy() for name, table in errors.items()}
        figures[f"mse{suffix}"] = {
            name: estimate(
                mse(errors[name], column), bootstrap.ratio(here, variance, confidence, seed) if several else None
            )
            for name, here in sums.items()
        }
        figures[f"reduction{suffix}"] = estimate(
            1 - mse(errors["vqvae"], column) / mse(errors["vqvae_plain"], column),
            bootstrap.reduction(sums["vqvae_plain"], sums["vqvae"], confidence, seed) if several else None,
        )
    text = json.dumps(figures, indent=2)
    COMPARISONS.write_text(text + "\n", encoding="utf-8")


def mse(errors: pd.DataFrame, column: str = "squared_error") -> float:
    """Squared error over variance, of all tracks together."""
    return float(errors[column].sum() / errors.variance.sum())


def codebook_usage(settings: params.Params) -> None:
    """Write how often each code occurs in the training tracks, the most frequent first."""
    codes = Shards(CODES)
    uses = np.zeros(settings.vqvae.codes, dtype=np.int64)
    for track in split.tracks(SPLITS, "train"):
        uses += np.bincount(codes.rows("codes", track), minlength=len(uses))
    usage = {"rank": range(1, len(uses) + 1), "share": np.sort(uses)[::-1] / uses.sum()}
    pd.DataFrame(usage).to_csv(METRICS / "codebook_usage.csv", index=False, float_format="%.6g")


if __name__ == "__main__":
    run(main)
