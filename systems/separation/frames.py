"""Small pictures of each player: data/frames/, uint8 [rows, size_px, size_px, 3] a track, RGB, pictures.fps a second."""

import numpy as np
from tqdm import tqdm

from pipeline import params as shared
from pipeline.compute import parallel
from pipeline.corpus import strips
from pipeline.corpus.track import Track, read_tracks
from pipeline.dataset.artifacts import SPLITS
from pipeline.dataset.shards import ShardWriter
from pipeline.dataset.split import tracks as in_part
from pipeline.errors import run
from systems.separation import params, paths


def main() -> None:
    settings, chosen = shared.load(), params.load()
    usable = {name for part in ("train", "choose", "test") for name in in_part(SPLITS, part)}
    tracks = [track for track in read_tracks() if track.name in usable]
    seen = parallel.each(of_track, [(track, chosen.pictures) for track in tracks], settings.compute.backend)
    with ShardWriter(paths.FRAMES) as shards:
        for track, pictures in zip(tracks, tqdm(seen, "frames", len(tracks), unit=" track"), strict=True):
            shards.add(track.name, {"pictures": pictures})


def of_track(track: Track, chosen: params.Pictures) -> np.ndarray:
    """The pictures of a player's strip: uint8 [rows, size_px, size_px, 3]."""
    strip = track.left, track.right
    return strips.pictures(track.video, [strip], track.start_s, track.end_s, chosen.fps, chosen.size_px)[0]


if __name__ == "__main__":
    run(main)
