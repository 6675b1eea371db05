"""What are multi-band blocks worth in the VQ-VAE? `python -m benchmarks.bands [PART] [--steps STEPS]`

Trains VQ-VAEs as the stage train_vqvae does, all with the same seed and the same windows, and measures them on the tracks of a part
of the split ("test" unless another is named). The first two are those of the run, unless other steps are asked for:

- bands: the run's `vqvae`, blocks of 8, 4, 2, 2 bands in the demo profile;
- equal parameters: the run's `vqvae_plain`, without bands and narrower;
- equal width: without bands, as wide as `vqvae`;
- no blocks near the input: as wide as `vqvae`, with the two inner blocks alone, so fewer parameters;
- bands at both ends: each of 8 bands of bins has features of its own, blocks of 8 bands, and dense layers between them that mix the
  bands; as wide as equal parameters allow.

Prints CSV, two rows for each: the sound through the codes, and before quantising. `error` is squared error over variance about each
bin's mean over all tracks. The reductions are relative ones of this error, against "equal parameters" and "equal width" in the same
way of the sound. Intervals are bootstrapped over tracks, those of reductions paired. Trained models are kept in work/, so that a
second run only measures.
"""

import argparse
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from pipeline import params
from pipeline.compute import determinism, work
from pipeline.dataset import artifacts, split
from pipeline.dataset.artifacts import MORE_PLAYERS, SPECTROGRAMS, SPLITS
from pipeline.dataset.shards import Shards
from pipeline.dataset.windows import Batch, Source, Windows, to_tensors
from pipeline.metrics import bootstrap
from pipeline.models.vqvae import VQVAE, MultiBandBlock
from pipeline.sampling import codec
from pipeline.training import loop
from stages.train_vqvae import START_WINDOWS

BANDS = 8  # of "bands at both ends": 128 bins each of the paper's 1024
BANDED_BLOCKS = 4  # of each end, as many as the paper's model has blocks before the last two
MODELS = ("bands", "equal parameters", "equal width", "no blocks near the input", "bands at both ends")
WAYS = ("through the codes", "before quantising")

Draw = Callable[[np.random.Generator, int], Batch]  # a number of training windows: `spectrogram`, (B, T, F)


class BandsAtBothEnds(VQVAE):
    """A VQ-VAE whose first and last layers and blocks keep to `BANDS` bands of bins, with dense 1 x 1 layers between the blocks.

    Args:
        channels: of all bands together, a multiple of `BANDS`.
        sizes: the others of `VQVAE`, without bands.
    """

    def __init__(self, *, bins: int, channels: int, code_dim: int, **sizes: Any) -> None:
        super().__init__(bins=bins, channels=channels, code_dim=code_dim, bands=[BANDS] * (BANDED_BLOCKS - 2), **sizes)

        def inside() -> list[nn.Module]:
            mixing = [
                [nn.Conv1d(channels, channels, 1), MultiBandBlock(channels, BANDS)] for _ in range(1, BANDED_BLOCKS)
            ]
            return [MultiBandBlock(channels, BANDS), *(layer for pair in mixing for layer in pair)]

        banded_in, banded_out = (nn.Conv1d(*ends, 1, groups=BANDS) for ends in ((bins, channels), (channels, bins)))
        self.encoder = nn.Sequential(banded_in, *inside(), nn.Conv1d(channels, code_dim, 1))
        self.decoder = nn.Sequential(nn.Conv1d(code_dim, channels, 1), *inside(), banded_out)


def parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def sizes(chosen: params.VQVAE, bins: int) -> dict[str, Any]:
    return {"bins": bins, **chosen.model_dump(exclude={"training", "codebook_after"})}


def makers(settings: params.Params) -> dict[str, Callable[[], VQVAE]]:
    """How each of `MODELS` is made, in their order."""
    bins, banded = settings.audio.n_fft // 2, settings.variants.vqvae["vqvae"]
    own, plain = sizes(banded, bins), sizes(settings.variants.vqvae["vqvae_plain"], bins)
    without = {name: value for name, value in own.items() if name not in ("bands", "channels")}
    with torch.device("meta"):  # counts parameters without making them
        wanted = parameters(VQVAE(**own))
        widths = range(BANDS, 4 * banded.channels, BANDS)
        width = min(
            widths, key=lambda channels: abs(parameters(BandsAtBothEnds(channels=channels, **without)) - wanted)
        )
    ways = (
        lambda: VQVAE(**own),
        lambda: VQVAE(**plain),
        lambda: VQVAE(**own | {"bands": [1] * len(banded.bands)}),
        lambda: VQVAE(**own | {"bands": []}),
        lambda: BandsAtBothEnds(channels=width, **without),
    )
    return dict(zip(MODELS, ways, strict=True))


def training_windows(settings: params.Params) -> Draw:
    """The windows that the stage trains on: of the training tracks, and of more players."""
    tracks, others = Shards(SPECTROGRAMS), Shards(MORE_PLAYERS / "spectrograms")

    def windows(shards: Shards, names: list[str]) -> Windows:
        sources = {"spectrogram": Source(shards, "spectrogram", settings.audio.fps)}
        return Windows(sources, names, settings.windows.duration_s)

    own = windows(tracks, split.tracks(SPLITS, "train"))
    more = None if others.index.empty else windows(others, list(others.index.index))

    def draw(generator: np.random.Generator, size: int) -> Batch:
        of_others = 0 if more is None else round(settings.more_players.music_share * size)
        drawn = [own.batch(own.random(size - of_others, generator))]
        if more is not None and of_others:
            drawn.append(more.batch(more.random(of_others, generator)))
        return to_tensors({"spectrogram": np.concatenate([each["spectrogram"] for each in drawn])})

    return draw


def budget(chosen: params.VQVAE, steps: int | None) -> params.VQVAE:
    """The same settings with another number of steps, the codebook placed before half of them at the latest."""
    if steps is None:
        return chosen
    training = chosen.training.model_copy(update={"steps": steps})
    return chosen.model_copy(update={"training": training, "codebook_after": min(chosen.codebook_after, steps // 2)})


def trained(
    make: Callable[[], VQVAE], draw: Draw, chosen: params.VQVAE, settings: params.Params, *inputs: object
) -> VQVAE:
    """A VQ-VAE, trained as the stage does.

    Args:
        inputs: what decides the result besides the settings, as `work.key` takes it.
    """
    torch.manual_seed(settings.seed)
    model = make()
    start = draw(np.random.default_rng(settings.seed), START_WINDOWS)["spectrogram"]
    model.standard.fit(start)

    def before_step(model: VQVAE, step: int) -> None:
        if step == chosen.codebook_after:
            model.init_codebook(start.to(model.codebook.codes.device))

    loop.train(
        model,
        lambda generator: draw(generator, chosen.training.batch),
        lambda model: {},
        chosen.training,
        seed=settings.seed,
        precision=settings.compute.precision,
        folder=work.WORK
        / "bands"
        / work.key(__file__, settings.seed, settings.compute, chosen, settings.windows, *inputs),
        before_step=before_step,
    )
    return model.eval()


def sums(model: VQVAE, recorded: dict[str, np.ndarray]) -> pd.DataFrame:
    """Sums of squares of each log-spectrogram [frames, bins]: a row for each track, with a column for each of `WAYS`.

    The column `variance` has deviations from each bin's mean over all tracks.
    """
    frames = sum(len(each) for each in recorded.values())
    bin_mean = (sum(each.sum(0, dtype=np.float64) for each in recorded.values()) / frames).astype(np.float32)
    rows = []
    for each in recorded.values():
        decoded = codec.decode_long(model, codec.encode(model, each)), codec.unquantised(model, each)
        differences = (*(made - each.astype(np.float32) for made in decoded), each - bin_mean)
        rows.append([float(np.square(difference).sum(dtype=np.float64)) for difference in differences])
    return pd.DataFrame(rows, columns=[*WAYS, "variance"], index=list(recorded))


def table(errors: dict[str, pd.DataFrame], counts: dict[str, int], settings: params.Params) -> pd.DataFrame:
    """Model → `sums`, and its number of parameters, as the rows that are printed."""
    rows, how = [], (settings.evaluate.confidence, settings.seed)
    for name, found in errors.items():
        for way in WAYS:
            new, variance = found[way].to_numpy(), found.variance.to_numpy()
            low, high = bootstrap.ratio(new, variance, *how)
            row = {"model": name, "parameters": counts[name], "sound": way}
            row |= {"error": new.sum() / variance.sum(), "error_low": low, "error_high": high}
            for other in MODELS[1:3]:
                old, column = errors[other][way].to_numpy(), f"below_{other.replace(' ', '_')}"
                low, high = bootstrap.reduction(old, new, *how)
                row |= {column: 1 - new.sum() / old.sum(), f"{column}_low": low, f"{column}_high": high}
            rows.append(row)
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("part", nargs="?", default="test")
    parser.add_argument("--steps", type=int)
    asked = parser.parse_args()
    settings = params.load()
    determinism.prepare(settings.seed)
    chosen, draw, shards = (
        budget(settings.variants.vqvae["vqvae"], asked.steps),
        training_windows(settings),
        Shards(SPECTROGRAMS),
    )
    recorded = {track: shards.rows("spectrogram", track) for track in split.tracks(SPLITS, asked.part)}
    errors, counts = {}, {}
    of_run = {} if asked.steps else dict(zip(MODELS, ("vqvae", "vqvae_plain"), strict=False))
    for name, make in makers(settings).items():
        data = (SPECTROGRAMS, MORE_PLAYERS / "spectrograms", SPLITS)
        if name in of_run:
            model = codec.load(artifacts.MODELS / of_run[name])
        else:
            model = trained(make, draw, chosen, settings, name, settings.more_players, *data)
        errors[name], counts[name] = sums(model, recorded), parameters(model)
    table(errors, counts, settings).to_csv(sys.stdout, index=False, float_format="%.4f")


if __name__ == "__main__":
    main()
