"""How much time does the cache of the sampler save? `python -m benchmarks.sampling`"""

import copy
import statistics
import time

import torch
from torch import Tensor

from pipeline import params
from pipeline.keypoints.skeleton import JOINTS
from pipeline.models.mi_net import MINet
from pipeline.sampling.sampler import Sampling, draw, sample
from pipeline.training import priors

BATCH, STEPS, ROUNDS = 64, 250, 3


@torch.inference_mode()
def sample_without_cache(
    model: MINet, motion: Tensor, steps: int, temperature: float, generator: torch.Generator
) -> Tensor:
    """Sample without a cache: every step processes the whole prefix. The result equals that of `sample`."""
    h = model.body_state(motion)
    codes = torch.full((len(motion), 1), model.start)
    for _ in range(steps):
        logits = model.logits(codes, h, None)[:, -1]
        codes = torch.cat([codes, draw(logits, temperature, generator)[:, None]], dim=1)
    return codes[:, 1:]


def main() -> None:
    settings = params.load()
    torch.manual_seed(settings.seed)
    model = priors.untrained(settings, settings.variants.prior["mi_net"])[0].eval()
    motion = torch.randn(BATCH, 100, JOINTS, 2)
    # In float64: of thousands of draws in float32, rounding may change one.
    exact = copy.deepcopy(model).double()
    exact.body.float()  # its GRU supports float32 only; its output is the same for both samplers
    cached = sample(exact, motion, None, STEPS, Sampling(STEPS), torch.Generator().manual_seed(0))
    plain = sample_without_cache(exact, motion, STEPS, 1.0, torch.Generator().manual_seed(0))
    assert torch.equal(cached, plain), "the cache changed a code"
    seconds: dict[str, list[float]] = {"with the cache": [], "without": []}
    for _ in range(ROUNDS):  # alternating, so that a slow phase of the machine affects both
        start = time.perf_counter()
        sample(model, motion, None, STEPS, Sampling(STEPS), torch.Generator().manual_seed(0))
        seconds["with the cache"].append(time.perf_counter() - start)
        start = time.perf_counter()
        sample_without_cache(model, motion, STEPS, 1.0, torch.Generator().manual_seed(0))
        seconds["without"].append(time.perf_counter() - start)
    for name, values in seconds.items():
        print(f"{name}: median {statistics.median(values):.2f} s of {ROUNDS} for {STEPS} steps, batch {BATCH}")
    ratios = [b / a for a, b in zip(*seconds.values(), strict=True)]
    print(f"with the cache, sampling is {statistics.median(ratios):.1f} times as fast; in float64 all codes are equal")


if __name__ == "__main__":
    main()
