"""Write notes for the movements of the test tracks: samples/<variant>/, and a few MIDI files to open in any program.

Each window has notes for its movement, notes without it (zeroed) and, if the model knows keys, notes in a key (keyed). All 24 keys
take turns, whatever was played.
"""

import numpy as np
import torch
from tqdm import tqdm

from pipeline import params
from pipeline.compute import determinism, parallel
from pipeline.dataset import split
from pipeline.dataset.artifacts import MODELS, SAMPLES, SPLITS
from pipeline.dataset.shards import ShardWriter
from pipeline.dataset.windows import to_tensors
from pipeline.errors import run
from pipeline.models.event_transformer import EventTransformer
from pipeline.notes import midi_file
from pipeline.sampling import event_sampler
from pipeline.training import weights
from systems.foley_music import examples
from systems.foley_music.params import load, variant

PIANO = 0  # the program of the MIDI files; the model knows no instruments


def main(name: str = "") -> None:
    settings, chosen = params.load(), variant(name)
    determinism.prepare(settings.seed, threads=1)  # as in each batch
    windows = examples.as_generated(split.tracks(SPLITS, "test"), settings)
    places = windows.spread(settings.generate.samples)
    size, folder, duration_s = settings.generate.batch, SAMPLES / name, settings.windows.duration_s
    calls = [(name, first) for first in range(0, len(places), size)]
    shown = set(np.linspace(0, len(places) - 1, min(load().midis, len(places))).astype(int).tolist())
    with ShardWriter(folder) as writer, tqdm(desc=name, total=len(places), unit=" sample") as bar:
        (folder / "midi").mkdir(exist_ok=True)
        for (_, first), made in zip(
            calls, parallel.each(tokens, calls, determinism.backend(settings.compute.backend)), strict=True
        ):
            for number, drawn in enumerate(zip(*made.values(), strict=True), first):
                track, start = places[number]
                sample, arrays = f"sample_{number:05d}", dict(zip(made, drawn, strict=True))
                writer.add(sample, arrays, source=track, source_start=start)
                if number in shown:
                    notes = event_sampler.notes(arrays["tokens"], chosen.code, duration_s)
                    midi_file.write(folder / "midi" / f"{sample}_{track}.mid", notes, PIANO, name)
            bar.update(len(made["tokens"]))


def tokens(name: str, first: int) -> dict[str, np.ndarray]:
    """Tokens for the batch that begins with window `first`, int16 [windows, longest] each, by how they are drawn."""
    settings = params.load()
    determinism.prepare(settings.seed, threads=1)  # one process for each core
    model = weights.load(MODELS / name, {"event_transformer": EventTransformer}).to(determinism.device())
    windows = examples.as_generated(split.tracks(SPLITS, "test"), settings)
    places = windows.spread(settings.generate.samples)[first : first + settings.generate.batch]
    motion = to_tensors(windows.batch(places))["motion"].to(determinism.device())
    made = {}
    for draw, array in enumerate(("zeroed", "tokens", "keyed")):
        asked = None
        if array == "keyed":
            if model.key is None:
                continue
            histograms = [examples.key_asked(number).histogram for number in range(first, first + len(places))]
            asked = torch.from_numpy(np.stack(histograms)).to(motion.device)
        seed = int(np.random.default_rng((settings.seed, first, draw)).integers(2**63))
        generator = torch.Generator(determinism.device()).manual_seed(seed)
        made[array] = event_sampler.sample(model, motion, generator, seen=array != "zeroed", key=asked)
    return made


if __name__ == "__main__":
    run(main)
