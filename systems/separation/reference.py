"""The rows without a model: the mixture as its own estimate, the best equaliser for each player, and the ideal masks.

metrics/separation/mixture.json, fixed_filter.json and ideal.json. A fixed filter knows each player's mean spectrum and nothing of
time; what a model has beyond it comes from when who plays what. Ideal masks are the ceiling: each player's true share of the power.
"""

from functools import partial

import numpy as np

from pipeline import params as shared
from pipeline.audio import log_frequency
from pipeline.audio.log_frequency import Scale
from pipeline.compute import determinism
from pipeline.errors import run
from systems.separation import params, rows, trials
from systems.separation.mixing import Mixture

SMALLEST = 1e-10  # power; keeps shares of silence defined


def main() -> None:
    settings, own = shared.load(), params.load()
    determinism.prepare(settings.seed)
    scale = Scale(**own.scale.model_dump(), audio=settings.audio)

    def by_shares(mixture: Mixture, fixed: bool) -> np.ndarray:
        power = rows.powers(mixture, scale, settings)
        if fixed:
            power = np.repeat(power.mean(1, keepdims=True), power.shape[1], axis=1)
        shares = power / np.maximum(power.sum(0), SMALLEST)
        whole = mixture.sounds.sum(0)
        return log_frequency.cut_out(whole, shares, scale, settings.audio) + trials.AUDIBLE * whole

    of_row = {
        "mixture": trials.mixed,
        "fixed_filter": partial(by_shares, fixed=True),
        "ideal": partial(by_shares, fixed=False),
    }
    for row, made in of_row.items():
        rows.judge(row, settings, own, lambda mixture, control, made=made: None if control else made(mixture))  # type: ignore[misc]


if __name__ == "__main__":
    run(main)
