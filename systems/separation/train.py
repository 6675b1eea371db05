"""Train a separator on mixtures of players who played alone: models/separator_<variant>/."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from pipeline import params as shared
from pipeline.compute import determinism, work
from pipeline.corpus.track import read_tracks
from pipeline.dataset import split
from pipeline.dataset.artifacts import MORE_PLAYERS, MOTION, SPLITS, TRACKS
from pipeline.dataset.shards import Shards
from pipeline.dataset.windows import Batch, to_tensors
from pipeline.errors import NothingLeft, run
from pipeline.keypoints.skeleton import JOINTS
from pipeline.keypoints.variation import vary
from pipeline.models.separator import Separator
from pipeline.sampling.separating import scale_of, to_pictures
from pipeline.training import loop, weights
from systems.separation import mixing, params, paths, trials

VALIDATION = 8  # mixtures of any players, and as many of players of similar poses
NOT_THE_MODELS = {"training", "hidden", "more_share"}


def main(name: str = "") -> None:
    settings, own, chosen = shared.load(), params.load(), params.variant(name)
    determinism.prepare(settings.seed)
    fps, size_px = own.pictures.fps, own.pictures.size_px
    soloists = mixing.alone(read_tracks())

    def players(part: list[str], pictured: bool = True) -> mixing.Players:
        return mixing.Players(part, pictured, settings, fps, size_px)

    parts = [(players([one for one in split.tracks(SPLITS, "train") if one in soloists]), 1 - chosen.more_share)]
    if chosen.more_share and (more := list(Shards(paths.MORE_SOUND).index.index)):
        parts.append((players(more, pictured=False), chosen.more_share))
    if min(len(part.names) for part, _ in parts) < 2:
        raise NothingLeft("one player to learn from, and mixtures are of two or more; add videos of soloists")
    held_out = [one for one in split.validation(SPLITS) if one in soloists]
    watched = {
        kind: [mixture for _, mixture in trials.pairs(players(held_out), VALIDATION, alike, settings.seed)]
        for kind, alike in (("", None), ("_alike", 1))
        if len(held_out) > 1
    }

    sizes = sizes_of(chosen, own, settings)
    model = Separator(**sizes)

    def validate(model: Separator) -> dict[str, float]:
        gains = {}
        for kind, mixtures in watched.items():
            for control in ("", "_swapped"):
                made = [trials.taken_apart(model, mixture, settings, control) for mixture in mixtures]
                gains[f"choose_gain{kind}{control}"] = float(np.mean(list(map(trials.gain, mixtures, made))))
        return gains

    precision = settings.compute.precision
    inputs = (
        settings.seed,
        precision,
        chosen,
        own.mixing,
        own.pictures,
        own.scale,
        settings.variation,
        settings.windows,
    )
    data = (SPLITS, TRACKS, MOTION, MORE_PLAYERS / "motion", paths.SOUND, paths.MORE_SOUND, paths.FRAMES)
    folder = work.WORK / f"separator_{name}" / work.key(__file__, *inputs, settings.motion.fps, *data)
    history = loop.train(
        model,
        batches(model, parts, chosen, own, settings),
        validate,
        chosen.training,
        seed=settings.seed,
        precision=precision,
        folder=folder,
    )
    config = weights.Config("separator", precision, sizes)
    loop.finish(model, config, history, name=f"separator_{name}", folder=folder)


def sizes_of(chosen: params.Variant, own: params.Params, settings: shared.Params) -> dict[str, Any]:
    """The arguments of a variant's `Separator`."""
    return {
        **own.scale.model_dump(),
        "highest_hz": settings.audio.sample_rate_hz / 2,
        "steps": int(settings.windows.duration_s * settings.audio.fps / own.scale.every),
        "picture_fps": own.pictures.fps,
        "picture_px": own.pictures.size_px,
        "joints": JOINTS,
        **chosen.model_dump(exclude=NOT_THE_MODELS),
    }


def batches(
    model: Separator,
    parts: list[tuple[mixing.Players, float]],
    chosen: params.Variant,
    own: params.Params,
    settings: shared.Params,
) -> Callable[[np.random.Generator], Batch]:
    """A function that draws a batch of mixtures, as a model takes them.

    Args:
        parts: players, and the share of the mixtures that are of them.
    """
    scale, length_s = scale_of(model, settings), model.steps * model.every / settings.audio.fps
    frames, rows = round(length_s * settings.motion.fps), round(length_s * model.picture_fps)

    def batch(generator: np.random.Generator) -> Batch:
        looked_at = model.pixels is not None
        drawn = mixing.batch(parts, chosen.training.batch, chosen.hidden, looked_at, own.mixing, generator)
        heard = [mixing.powers(mixture.sounds, away, scale, settings.audio) for mixture, _, away in drawn]
        power, sources = (np.stack(each)[..., : model.steps] for each in zip(*heard, strict=True))
        made = to_tensors({"power": power, "sources": sources})
        made["shown"] = torch.from_numpy(np.stack([shown for _, shown, _ in drawn]))
        if model.movement is not None:
            motion = np.stack([mixture.motion[:, :frames] for mixture, _, _ in drawn])
            varied = vary(motion.reshape(-1, *motion.shape[2:]), settings.variation, settings.motion.fps, generator)
            made["motion"] = torch.from_numpy(varied.reshape(motion.shape))
        if model.pixels is not None:
            pictures = np.stack([mixture.pictures[:, :rows] for mixture, _, _ in drawn])
            hidden = ~np.stack([shown for _, shown, _ in drawn])
            pictures[hidden] = 0  # a network does not look at black ones, which saves time
            made["pictures"] = to_pictures(pictures)
        return made

    return batch


if __name__ == "__main__":
    run(main)
