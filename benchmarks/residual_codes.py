"""What would two codes a frame gain? `python -m benchmarks.residual_codes` trains a VQ-VAE and a prior that have them.

Run it in the folder of a finished run. It compares them with the run's own `vqvae` and `mi_net_sync`, on the same windows and with
the same seeds and training budgets. The prior reads the movement by `models/reader`, which learnt the posture from the run's own
codes. Both priors draw one sample for each movement: their codes differ, not their reranking. Trainings are kept in work/, so a
second call does not train anew.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from benchmarks import bands, residual_models
from benchmarks.residual_models import ResidualMINetSync, ResidualVQVAE
from pipeline import params
from pipeline.audio import phases
from pipeline.compute import determinism, parallel, work
from pipeline.dataset import split
from pipeline.dataset.artifacts import MODELS, MORE_PLAYERS, SPECTROGRAMS, SPLITS
from pipeline.dataset.shards import Shards, ShardWriter
from pipeline.dataset.windows import Batch, Places, Source, Windows, to_tensors
from pipeline.evaluation import cells, content, rows
from pipeline.evaluation.rows import BATCH, Metrics
from pipeline.keypoints.variation import vary
from pipeline.media import sound_files
from pipeline.sampling import codec
from pipeline.sampling.batches import generator_of, prepare
from pipeline.sampling.sampler import as_set, sample
from pipeline.training import loop, priors
from stages import reference, train_prior

PRIOR = "mi_net_sync"
TWO = f"{PRIOR} of two codes"
WORK = work.WORK / "residual_codes"

UNQUANTISED = reference.ERRORS["_unquantised"]
HEADS = {  # of the columns that both tables have, by the key of the figure
    "instrument_accuracy": "right instrument heard",
    "onset_f1": "onset F1",
    "onset_f1_shuffled": "onset F1, another track's notes",
    "pitch": "pitch",
}

Chosen = TypeVar("Chosen", params.VQVAE, params.Prior)
At = Callable[[Sequence[int]], np.ndarray]  # numbers of windows → log-spectrograms float32 [windows, frames, bins]


def trained_vqvae(settings: params.Params, chosen: params.VQVAE) -> ResidualVQVAE:
    """Trained as the stage trains `vqvae`: on the same windows, in the same order."""
    own = bands.sizes(chosen, settings.audio.n_fft // 2)
    data = (SPLITS, SPECTROGRAMS, MORE_PLAYERS / "spectrograms", Path(residual_models.__file__))
    draw = bands.training_windows(settings)
    model = bands.trained(lambda: ResidualVQVAE(**own), draw, chosen, settings, settings.more_players, *data)
    assert isinstance(model, ResidualVQVAE)
    return model


def encoded(model: ResidualVQVAE) -> Shards:
    """The two codes of every frame of every track, int16 [frames, 2], in work/."""
    spectrograms, folder = Shards(SPECTROGRAMS), WORK / "codes"
    with ShardWriter(folder) as writer:
        for track in tqdm(spectrograms.index.index, desc="encode", unit=" track"):
            writer.add(track, {"codes": codec.encode(model, spectrograms.rows("spectrogram", track))})
    return Shards(folder)


def trained_prior(settings: params.Params, chosen: params.Prior, sources: dict[str, Source]) -> ResidualMINetSync:
    """Trained as the stage trains `mi_net_sync`, on the same windows, in the same order, but on two codes a frame."""
    train = Windows(sources, split.tracks(SPLITS, "train"), settings.windows.duration_s)
    validation = Windows(sources, split.validation(SPLITS), settings.windows.duration_s)
    held_out = to_tensors(validation.batch(validation.spread(train_prior.VALIDATION_WINDOWS)))
    _, sizes = priors.untrained(settings, chosen)
    determinism.prepare(settings.seed)
    model = ResidualMINetSync(**sizes)
    priors.hold_reader(model)

    def batch(generator: np.random.Generator) -> Batch:
        drawn = train.batch(train.random(chosen.training.batch, generator))
        drawn["motion"] = vary(drawn["motion"], chosen.variation, settings.motion.fps, generator)
        return to_tensors(drawn)

    def validate(model: ResidualMINetSync) -> dict[str, float]:
        device = next(model.parameters()).device
        nll = model.nll(**{name: tensor.to(device) for name, tensor in held_out.items()})
        return {"choose_nll": nll.sum(-1).mean().item()}

    precision = settings.compute.precision
    data = [SPLITS, *(source.shards.folder for source in sources.values()), MODELS / "reader" / "weights.safetensors"]
    inputs = (settings.seed, precision, chosen, settings.windows, *data)
    loop.train(
        model,
        batch,
        validate,
        chosen.training,
        seed=settings.seed,
        precision=precision,
        folder=work.WORK / "residual_prior" / work.key(__file__, *inputs),
    )
    return model.eval()


def generated(
    model: priors.Model, windows: Windows, places: Places, settings: params.Params, codes_a_step: int
) -> np.ndarray:
    """One sample of each movement, drawn as the generate stage draws it, but without reranking.

    Returns:
        int64 [windows, codes_a_step * steps], the codes of a step one after the other.
    """
    size, codes = settings.generate.batch, codes_a_step * windows.counts["codes"]
    firsts = range(0, len(places), size)
    motions = (to_tensors(windows.batch(places[first : first + size]))["motion"] for first in firsts)
    calls = [(model, motion, codes, first) for first, motion in zip(firsts, motions, strict=True)]
    made = parallel.each(drawn, calls, determinism.backend(settings.compute.backend))
    return np.concatenate(list(tqdm(made, desc="generate", total=len(calls), unit=" batch")))


def drawn(model: priors.Model, motion: Tensor, codes: int, first: int) -> np.ndarray:
    """As many codes of each movement of a batch, int64 [windows, codes]. Its first window is the number `first` of all."""
    settings, device = prepare()
    how = replace(as_set(settings, codec.load()), rerank=None)
    generator = generator_of(settings.seed, 0, first, device=device)
    return sample(model, motion.to(device), None, codes, how, generator).cpu().numpy()


@torch.inference_mode()
def likelihoods(model: priors.Model, windows: Windows, places: Places) -> list[float]:
    """Negative log-likelihood of recorded codes in nats a step: the mean of each of a step's codes."""
    batch = to_tensors(windows.batch(places))
    nll = rows.in_batches(model.nll, batch["codes"], batch["motion"])
    return nll.reshape(*nll.shape[:2], -1).mean((0, 1)).tolist()


def measured(row: str, windows_at: At, places: Places, settings: params.Params) -> Metrics:
    """The instrument heard in all windows; pitch and onsets of `evaluate.content_windows` of them, as in the tables."""
    classifier, instruments = cells.load_classifier(), rows.instrument_of()
    known = classifier.instruments if classifier else []
    numbers = [number for number, (track, _) in enumerate(places) if instruments[track] in known]
    heard = [
        name
        for first in range(0, len(numbers), BATCH)
        for name in cells.hear(classifier, windows_at(numbers[first : first + BATCH]))
    ]
    right = [name == instruments[places[number][0]] for number, name in zip(numbers, heard, strict=True)]
    chosen = content.listened_to(places, settings)
    # An absolute folder, since a benchmark leaves evaluations/ as it is.
    row = str((WORK / row).resolve())
    found = content.measure_content(row, windows_at(chosen), [places[number] for number in chosen], settings)
    return found | {"instrument_accuracy": rows.mean(np.array(right))}


def table(heads: Sequence[str], lines: Sequence[Sequence[str | float | None]]) -> str:
    """A table in Markdown; figures with three decimals."""
    texts = [
        [each if isinstance(each, str) else "–" if each is None else f"{each:.3f}" for each in line] for line in lines
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in [heads, ["---"] * len(heads), *texts])


def write_sounds(folder: Path, systems: dict[str, At], places: Places, settings: params.Params) -> None:
    """The same `generate.wavs` windows of every system as WAV."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers = np.linspace(0, len(places) - 1, min(settings.generate.wavs, len(places))).astype(int).tolist()
    for system, windows_at in systems.items():
        for number, window in zip(numbers, windows_at(numbers), strict=True):
            path = folder / f"{number:03d}_{places[number][0]}_{system.replace(' ', '_')}.wav"
            sound_files.write_audio(path, phases.sound(window, settings.audio), settings.audio.sample_rate_hz)


def shorter(chosen: Chosen, steps: int | None) -> Chosen:
    """The settings of a model with another number of training steps, or as they are."""
    if steps is None:
        return chosen
    changes: dict[str, Any] = {"training": chosen.training.model_copy(update={"steps": steps})}
    if isinstance(chosen, params.VQVAE):
        changes["codebook_after"] = min(chosen.codebook_after, steps // 2)
    return chosen.model_copy(update=changes)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "part", nargs="?", default="test", choices=["train", "choose", "test"], help="tracks to judge by"
    )
    parser.add_argument("--steps", type=int, help="training steps of both models, for a quick trial")
    parser.add_argument("--out", type=Path, help="folder for WAV files of all systems")
    asked = parser.parse_args(arguments)
    settings = params.load()
    device, tracks = determinism.device(), split.tracks(SPLITS, asked.part)
    chosen, spectrograms = params.variant(settings.variants.prior, PRIOR), Shards(SPECTROGRAMS)

    vqvae, prior = codec.load().to(device), priors.load(MODELS / PRIOR).to(device)
    sources = priors.sources(settings, chosen)
    vqvae_of_two = trained_vqvae(settings, shorter(settings.variants.vqvae["vqvae"], asked.steps)).to(device)
    sources_of_two = sources | {"codes": replace(sources["codes"], shards=encoded(vqvae_of_two))}
    prior_of_two = trained_prior(settings, shorter(chosen, asked.steps), sources_of_two).to(device)

    windows, windows_of_two, recorded = (
        Windows(each, tracks, settings.windows.duration_s)
        for each in (sources, sources_of_two, {"spectrogram": Source(spectrograms, "spectrogram", settings.audio.fps)})
    )
    places, steps = windows.spread(settings.generate.samples), windows.counts["codes"]
    codes, errors = reference.through_codes(vqvae, spectrograms, tracks)
    pairs, errors_of_two = reference.through_codes(vqvae_of_two, spectrograms, tracks)
    firsts = {track: both[:, :1] for track, both in pairs.items()}
    made = generated(prior, windows, places, settings, codes_a_step=1)
    made_of_two = generated(prior_of_two, windows, places, settings, codes_a_step=2).reshape(*made.shape, 2)

    def here(numbers: Sequence[int]) -> Places:
        return [places[number] for number in numbers]

    through: dict[str, At] = {
        "recorded": lambda numbers: reference.read(recorded, here(numbers)),
        "vqvae": lambda numbers: reference.listen(vqvae, codes, steps, here(numbers)),
        "first of two codes": lambda numbers: reference.listen(vqvae_of_two, firsts, steps, here(numbers)),
        "two codes": lambda numbers: reference.listen(vqvae_of_two, pairs, steps, here(numbers)),
    }
    squared_error = 0.0
    for track, first in firsts.items():
        difference = codec.decode_long(vqvae_of_two, first) - spectrograms.rows("spectrogram", track)
        squared_error += np.square(difference).sum(dtype=np.float64)
    ceilings: dict[str, list[float | None]] = {
        "recorded": [None, None],
        "vqvae": [reference.mse(errors), reference.mse(errors, UNQUANTISED)],
        "first of two codes": [float(squared_error / errors_of_two.variance.sum()), None],
        "two codes": [reference.mse(errors_of_two), reference.mse(errors_of_two, UNQUANTISED)],
    }
    print(f"Recorded windows of the {asked.part} tracks, through the codes:\n")
    found = {system: measured(system, at, places, settings) for system, at in through.items()}
    heads = ["codes", "error / variance", "before quantising", *HEADS.values()]
    print(table(heads, [[system, *ceilings[system], *map(found[system].get, HEADS)] for system in through]))

    music: dict[str, At] = {
        PRIOR: lambda numbers: codec.decode(vqvae, made[numbers]),
        TWO: lambda numbers: codec.decode(vqvae_of_two, made_of_two[numbers]),
    }
    nll: dict[str, list[float | None]] = {
        PRIOR: [*likelihoods(prior, windows, places), None],
        TWO: [*likelihoods(prior_of_two, windows_of_two, places)],
    }
    print(f"\nMusic for the {asked.part} tracks, one sample for each movement; NLL in nats a frame:\n")
    found = {system: measured(system, at, places, settings) for system, at in music.items()}
    heads = ["prior", "NLL of the first code", "of the second", *HEADS.values()]
    print(table(heads, [[system, *nll[system], *map(found[system].get, HEADS)] for system in music]))
    if asked.out is not None:
        write_sounds(asked.out, through | music, places, settings)


if __name__ == "__main__":
    main()
