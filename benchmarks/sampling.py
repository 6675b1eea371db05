"""How much the cache saves: samples with it and without it. `python -m benchmarks.sampling`"""

import copy
import statistics
import time

import torch
from torch import Tensor

from pipeline import params
from pipeline.keypoints.skeleton import JOINTS
from pipeline.models.prior import Prior
from pipeline.sampling.sampler import Sampling, draw, sample
from pipeline.training import priors

BATCH, STEPS, ROUNDS = 64, 250, 3


@torch.inference_mode()
def sample_without_cache(
    prior: Prior, motion: Tensor, steps: int, temperature: float, generator: torch.Generator
) -> Tensor:
    """The obvious sampler: every step runs the whole prefix. Same arguments and result as `sample`."""
    prior.eval()
    body = prior.body.steps(motion, steps)
    memories = prior.memories(None, body)
    codes = torch.full((len(motion), 1), prior.start)
    for step in range(steps):
        logits = prior.logits(codes, body[:, : step + 1], memories)[:, -1]
        codes = torch.cat([codes, draw(logits, temperature, generator)[:, None]], dim=1)
    return codes[:, 1:]


def main() -> None:
    settings = params.load()
    torch.manual_seed(settings.seed)
    prior, _ = priors.make(settings.variants.prior["mi_net"], settings)
    assert isinstance(prior, Prior)
    motion = torch.randn(BATCH, 100, JOINTS, 2)
    # In float64, since of thousands of draws in float32 one may lie so near to an edge that rounding decides it.
    exact = copy.deepcopy(prior).double()
    exact.body.float()  # its GRU knows no other, and what it tells is the same for both
    cached = sample(exact, motion, None, STEPS, Sampling(STEPS), torch.Generator().manual_seed(0))
    plain = sample_without_cache(exact, motion, STEPS, 1.0, torch.Generator().manual_seed(0))
    assert torch.equal(cached, plain), "the cache changed a token"
    seconds: dict[str, list[float]] = {"with the cache": [], "without": []}
    for _ in range(ROUNDS):  # in turn, so that a slow minute of the machine hits both
        start = time.perf_counter()
        sample(prior, motion, None, STEPS, Sampling(STEPS), torch.Generator().manual_seed(0))
        seconds["with the cache"].append(time.perf_counter() - start)
        start = time.perf_counter()
        sample_without_cache(prior, motion, STEPS, 1.0, torch.Generator().manual_seed(0))
        seconds["without"].append(time.perf_counter() - start)
    for name, values in seconds.items():
        print(f"{name}: median {statistics.median(values):.2f} s of {ROUNDS} for {STEPS} steps, batch {BATCH}")
    ratios = [b / a for a, b in zip(*seconds.values(), strict=True)]
    print(f"the cache is {statistics.median(ratios):.1f} times as fast; in float64 every token is the same")


if __name__ == "__main__":
    main()
