"""What a body encoder knows of the player: KNN accuracy, the instrument of the nearest training window."""

from collections.abc import Callable

import numpy as np
from torch import Tensor

from pipeline import params
from pipeline.dataset import split
from pipeline.dataset.arrays import write_npz
from pipeline.dataset.artifacts import MOTION, SPLITS
from pipeline.dataset.shards import Shards
from pipeline.dataset.windows import Source, Windows, to_tensors
from pipeline.evaluation.rows import Metrics, folder, in_batches, instrument_of
from pipeline.metrics import knn


def states(body_state: Callable[[Tensor], Tensor], row: str, settings: params.Params) -> Metrics:
    """KNN accuracy of a model's body states of training and test windows. The states go to evaluations/<row>/states.npz."""
    motion = Source(Shards(MOTION), "motion", settings.motion.fps)
    instruments = instrument_of()
    vectors, labels, tracks = {}, {}, {}
    for part in ("train", "test"):
        windows = Windows({"motion": motion}, split.tracks(SPLITS, part), settings.windows.duration_s)
        places = windows.spread(settings.evaluate.knn_windows_per_track * len(windows.starts))
        vectors[part] = in_batches(body_state, to_tensors(windows.batch(places))["motion"])
        labels[part] = [instruments[track] for track, _ in places]
        tracks[part] = [track for track, _ in places]
    heard = knn.predict(vectors["train"], labels["train"], vectors["test"])
    write_npz(
        folder(row) / "states.npz",
        train=vectors["train"],
        train_labels=np.array(labels["train"]),
        test=vectors["test"],
        test_labels=np.array(labels["test"]),
        test_predicted=np.array(heard),
        test_tracks=np.array(tracks["test"]),
    )
    return {"knn": knn.accuracy(labels["test"], heard)}
