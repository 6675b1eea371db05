"""Music for movements of the test tracks: samples/mi_net/, log-spectrograms and a few WAVs to listen to."""

from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from pipeline import determinism, media, params, spectrogram, split, training, weights
from pipeline.models.prior import Prior
from pipeline.models.vqvae import VQVAE
from pipeline.sampling import sample
from pipeline.shards import Shards, ShardWriter
from pipeline.windows import Source, Windows
from stages import run

FOLDER = Path("samples/mi_net")


@torch.inference_mode()
def main() -> None:
    settings = params.load()
    determinism.prepare(settings.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    prior = weights.load("models/mi_net", Prior).to(device)
    vqvae = weights.load("models/vqvae", VQVAE).to(device)
    # The codes say where windows may start, so that a recorded window lies beside every generated one; no code is read.
    sources = {
        "codes": Source(Shards("data/codes"), "codes", settings.audio.fps),
        "motion": Source(Shards("data/motion"), "motion", settings.motion.fps),
    }
    windows = Windows(sources, split.tracks("data/splits.parquet", "test"), settings.windows.duration_s)
    places = windows.spread(settings.generate.samples)
    steps = windows.counts["codes"]
    generator = torch.Generator(device).manual_seed(settings.seed)
    listen = set(np.linspace(0, len(places) - 1, settings.generate.wavs).astype(int).tolist())
    (FOLDER / "wav").mkdir(parents=True, exist_ok=True)

    with ShardWriter(FOLDER) as writer, tqdm(total=len(places), desc="generate", unit=" sample", mininterval=1) as bar:
        for first in range(0, len(places), settings.generate.batch):
            here = places[first : first + settings.generate.batch]
            motion = training.to_tensors(windows.batch(here))["motion"].to(device)
            codes = sample(
                prior, motion, steps, context=steps, temperature=settings.generate.temperature, generator=generator
            )
            made = vqvae.decode(codes).cpu().numpy().astype(np.float16)  # (B, T, F)
            for number, ((track, start), window) in enumerate(zip(here, made, strict=True), start=first):
                name = f"sample_{number:05d}"
                writer.add(name, {"spectrogram": window}, source=track, source_start=start)
                if number in listen:
                    sound = spectrogram.sound(window, settings.audio, settings.seed)
                    media.write_audio(FOLDER / "wav" / f"{name}_{track}.wav", sound, settings.audio.sample_rate_hz)
            bar.update(len(here))


if __name__ == "__main__":
    run(main)
