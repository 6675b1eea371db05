"""Pictures of some of the studio's further players: data/more_frames/, as data/frames. For any other corpus, the folder is empty.

Their movement and their sound are in data/more_players. They play again, are drawn, and look like anybody: with few players, a
network would know the walls and the clothes of each. For the same reason, players who are in no other folder are seen in a few
pictures each.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from tqdm import tqdm

from pipeline import params as shared
from pipeline.compute import parallel
from pipeline.corpus import strips
from pipeline.dataset.artifacts import MORE_PLAYERS
from pipeline.dataset.shards import Shards, ShardWriter
from pipeline.errors import run
from pipeline.studio import figure, pieces, players
from pipeline.studio.instruments import BY_CODE
from systems.pictures import params, paths
from systems.separation import params as separation

WHOLE = 0.0, 1.0
LOOKS = 2  # of the random numbers of a piece, those of a player's looks


def main() -> None:
    settings, own, pictures = shared.load(), params.load(), separation.load().pictures
    known = list(Shards(MORE_PLAYERS / "motion").index.index)
    heard = chosen(known, own.more_frames.players)
    names = heard + (unheard(known, settings.studio.instruments, own.more_frames.unheard) if known else [])
    most = {name: None if name in heard else own.more_frames.unheard_pictures for name in names}
    calls = [(name, settings.studio, own.more_frames.player_px, pictures, most[name]) for name in names]
    drawn = parallel.each(of_player, calls, settings.compute.backend)
    with ShardWriter(paths.MORE_FRAMES) as shards:
        for name, made in zip(names, tqdm(drawn, "more frames", len(names), unit=" player"), strict=True):
            shards.add(name, {"pictures": made})


def chosen(names: list[str], most: int) -> list[str]:
    """The first `most` players of each instrument, of names like 10000_vn."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(name.partition("_")[2], []).append(name)
    return sorted(name for each in found.values() for name in sorted(each)[:most])


def unheard(known: Sequence[str], instruments: Sequence[str], each: int) -> list[str]:
    """Names of as many further players of each instrument, after those that are known."""
    first = 1 + max(int(name.partition("_")[0]) for name in known)
    return [f"{first + number}_{instruments[number % len(instruments)]}" for number in range(each * len(instruments))]


def of_player(
    name: str, studio: shared.Studio, player_px: int, chosen: separation.Pictures, most: int | None
) -> np.ndarray:
    """The pictures of one further player: uint8 [rows, size_px, size_px, 3], RGB; all, or at most so many, spread evenly."""
    index, code = name.split("_")
    small = studio.model_copy(update={"player_width_px": player_px, "player_height_px": player_px})
    performance, _ = pieces.solo(int(index), BY_CODE[code], 0.0, small)
    rows = np.round(np.arange(0, studio.duration_s, 1 / chosen.fps) * studio.fps).astype(int)
    rows = rows[rows < len(performance.joints)]
    if most is not None:
        rows = rows[np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(int)]
    shapes = [replace(shape, points=shape.points[rows]) for shape in performance.shapes]
    seen = replace(performance, joints=performance.joints[rows], depths=performance.depths[rows], shapes=shapes)
    looks = players.draw_player(np.random.default_rng([studio.seed, int(index), LOOKS]))  # only the wall is seen of it
    drawn = figure.draw(seen, looks, (player_px, player_px))
    return np.stack([strips.square(picture, WHOLE, chosen.size_px) for picture in drawn])


if __name__ == "__main__":
    run(main)
