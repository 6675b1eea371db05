"""Train a movement reader that reads sensors, and give it to MI Net in time: models/imu_sync/.

MI Net in time hears of the movement through its reader alone. So sensors play it as soon as a reader of theirs tells what the
reader of joints tells: the onset strength, learnt from the sound, and the posture, learnt from the reader of joints.
"""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline import params
from pipeline.compute import determinism, work
from pipeline.dataset import split
from pipeline.dataset.artifacts import CODES, MODELS, MOTION, SPLITS
from pipeline.dataset.artifacts import MORE_PLAYERS as MORE
from pipeline.dataset.shards import Shards
from pipeline.dataset.windows import Batch, Source, Windows, to_tensors
from pipeline.errors import run
from pipeline.models.mi_net_sync import MINetSync
from pipeline.models.movement_reader import MovementReader
from pipeline.models.sensor_encoders import READ
from pipeline.training import loop, weights
from systems.imu import examples, paths
from systems.imu.params import load

NAME = "imu_sync"
VALIDATION_WINDOWS = 64


class SensorReader(MovementReader):
    """A movement reader that learns the posture from another. What it tells of a window is told as before."""

    def __init__(self, *, posture_loss_weight: float, **sizes: Any) -> None:
        super().__init__(**sizes)
        self.posture_loss_weight = posture_loss_weight

    def forward(self, motion: Tensor, onset_strength: Tensor, posture: Tensor) -> dict[str, Tensor]:  # type: ignore[override]
        """The training objective: `loss` = `onset_error` + posture_loss_weight * `posture_error`, mean squared errors.

        Args:
            motion: (B, M, 3, 2) readings; onset_strength: (B, T) of the sound; posture: (B, P) that the other reader tells.
        """
        told, read = self.read(motion, onset_strength.shape[1])
        target = torch.log1p(self.onset_companding * onset_strength / self.onset_scale)
        error, posture_error = F.mse_loss(told, target), F.mse_loss(read.float(), posture)
        loss = error + self.posture_loss_weight * posture_error
        return {"loss": loss, "onset_error": error, "posture_error": posture_error}


def main() -> None:
    settings, system = params.load(), load()
    determinism.prepare(settings.seed)
    training = system.training.of(system.reader.steps)
    music = weights.load(MODELS / "mi_net_sync", {"mi_net_sync": MINetSync})
    sizes = weights.config(MODELS / "mi_net_sync").sizes
    joints = music.reader.to(determinism.device())

    def windows(read: Shards, motion: Shards, names: list[str]) -> Windows:
        sources = {
            "onset_strength": Source(Shards(CODES), "onset_strength", settings.audio.fps),
            "sensors": Source(read, "sensors", settings.motion.fps, between=True),
            "joints": Source(motion, "motion", settings.motion.fps, between=True),
        }
        return Windows(sources, names, settings.windows.duration_s)

    of_tracks, others = (Shards(paths.TRACKS), Shards(MOTION)), (Shards(paths.MORE_PLAYERS), Shards(MORE / "motion"))
    names = list(others[0].index.index)
    more = int(system.more_share * training.batch) if names else 0
    parts = [(windows(*of_tracks, split.tracks(SPLITS, "train")), training.batch - more)]
    parts += [(windows(*others, names), more)] if more else []
    validation = windows(*of_tracks, split.validation(SPLITS))

    @torch.inference_mode()
    def with_posture(drawn: dict[str, np.ndarray], readings: np.ndarray) -> Batch:
        found = to_tensors({"motion": readings, "onset_strength": drawn["onset_strength"], "joints": drawn["joints"]})
        seen = found.pop("joints").to(determinism.device())
        return found | {"posture": joints.body_state(seen).cpu()}

    shown = validation.batch(validation.spread(VALIDATION_WINDOWS))
    held_out = with_posture(shown, shown["sensors"])
    reader_sizes = sizes["reader"] | {"joints": READ}
    reader = SensorReader(posture_loss_weight=system.reader.posture_loss_weight, **reader_sizes)

    def batch(generator: np.random.Generator) -> Batch:
        drawn = [each.batch(each.random(size, generator)) for each, size in parts]
        joined = {name: np.concatenate([each[name] for each in drawn]) for name in drawn[0]}
        found = with_posture(joined, examples.wear(joined["sensors"], system.wearing, generator))
        return {name: tensor.clone() for name, tensor in found.items()}  # no longer tensors of inference

    def validate(model: SensorReader) -> dict[str, float]:
        device = model.onset.weight.device
        found = model(**{name: tensor.to(device) for name, tensor in held_out.items()})
        return {f"choose_{name}": found[name].item() for name in ("onset_error", "posture_error")}

    precision = settings.compute.precision
    inputs = (settings.seed, precision, system, settings.windows)
    data = (SPLITS, CODES, MOTION, paths.TRACKS, paths.MORE_PLAYERS, MODELS / "mi_net_sync" / "weights.safetensors")
    folder = work.WORK / NAME / work.key(__file__, *inputs, *data)
    history = loop.train(reader, batch, validate, training, seed=settings.seed, precision=precision, folder=folder)
    played = MINetSync(**(sizes | {"reader": reader_sizes}))
    state = {name: value for name, value in music.state_dict().items() if not name.startswith("reader.")}
    state |= {f"reader.{name}": value for name, value in reader.state_dict().items()}
    played.load_state_dict(state)
    config = weights.Config("mi_net_sync", precision, sizes | {"reader": reader_sizes})
    loop.finish(played, config, history, name=NAME, folder=folder)


if __name__ == "__main__":
    run(main)
