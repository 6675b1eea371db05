"""Evaluate a variant on the test tracks: metrics/separation/<variant>.json, and evaluations/separation/<variant>/."""

import numpy as np

from pipeline import params as shared
from pipeline.compute import determinism
from pipeline.errors import run
from pipeline.metrics import separation
from pipeline.models.separator import Separator
from pipeline.sampling import separating
from pipeline.training import weights
from systems.separation import params, paths, rows, trials
from systems.separation.mixing import Mixture


def main(name: str = "") -> None:
    settings, own = shared.load(), params.load()
    determinism.prepare(settings.seed)
    model = weights.load(paths.model(name), {"separator": Separator})
    scale = separating.scale_of(model, settings)

    def parted(mixture: Mixture, control: str) -> np.ndarray | None:
        if control and model.sees == "nothing":
            return None
        return trials.taken_apart(model, mixture, settings, control)

    def pointed(mixture: Mixture) -> tuple[int, int] | None:
        if model.pixels is None:
            return None
        power = rows.powers(mixture, scale, settings).sum(2)
        loud = separating.volumes(model, mixture.sounds.sum(0), trials.seen(model, mixture), settings)
        return separation.pointing(power, loud, own.evaluation.louder_db)

    rows.judge(name, settings, own, parted, pointed)


if __name__ == "__main__":
    run(main)
