"""pipeline/models/separator.py and pipeline/sampling/separating.py: who makes which sound."""

import re
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from make_media import PROFILE

from pipeline.audio import log_frequency
from pipeline.audio.log_frequency import Scale
from pipeline.models.separator import Separator, shifted
from pipeline.sampling import separating
from pipeline.sampling.separating import Seen

BINS, STEPS, EVERY, JOINTS = 24, 20, 2, 47
RATE_HZ, HOP = PROFILE.audio.sample_rate_hz, PROFILE.audio.hop_length
SIGHTS = ("movement", "pixels", "both")


def separator(sees: str, seed: int = 0, **changed: Any) -> Separator:
    torch.manual_seed(seed)
    sizes = {
        "bins": BINS,
        "lowest_hz": 30.0,
        "highest_hz": 8000.0,
        "every": 2,
        "steps": STEPS,
        "picture_fps": 5.0,
        "picture_px": 64,
        "multiples": [0.5, 1.0, 2.0],
        "channels": 4,
        "depth": 3,
        "maps": 4,
        "bands": 2,
    }
    sizes |= {
        "joints": JOINTS,
        "width": 8,
        "layers": 2,
        "picture_channels": 2,
        "dropout": 0.1,
        "loudness_weight": 0.3,
        "sharpness": 2.0,
    }
    return Separator(sees=sees, **(sizes | changed)).eval()


def example(players: int, mixtures: int = 2, seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    sources = torch.rand(mixtures, players + 1, BINS, STEPS, generator=generator) ** 4
    return {
        "power": sources.sum(1),
        "sources": sources,
        "shown": torch.ones(mixtures, players, dtype=torch.bool),
        "motion": torch.randn(mixtures, players, 8, JOINTS, 2, generator=generator),
        "pictures": torch.rand(mixtures, players, 2, 3, 64, 64, generator=generator),
    }


def log_masks(model: Separator, given: dict[str, torch.Tensor]) -> torch.Tensor:
    players = given["motion"].shape[1]
    gates = model.gates(given["motion"], given["pictures"], players, STEPS)
    return model.log_masks(given["power"], gates, given["shown"])


@pytest.mark.parametrize("sees", ["nothing", *SIGHTS])
@pytest.mark.parametrize("players", [1, 2, 3, 5])
def test_masks_add_up_to_one(sees: str, players: int) -> None:
    """For any number of players, whatever it was trained on."""
    with torch.no_grad():
        masks = log_masks(separator(sees), example(players)).exp()
    assert masks.shape == (2, players + 1, BINS, STEPS)
    assert torch.allclose(masks.sum(1), torch.ones(2, BINS, STEPS), atol=1e-6)


@pytest.mark.parametrize("sees", SIGHTS)
def test_players_who_change_places_change_masks(sees: str) -> None:
    """To the bit, or else there would be a first player by nature."""
    model, given = separator(sees), example(2)
    turned = given | {name: given[name].flip(1) for name in ("motion", "pictures", "shown")}
    with torch.no_grad():
        straight, swapped = log_masks(model, given), log_masks(model, turned)
    assert torch.equal(straight[:, [1, 0, 2]], swapped)
    assert not torch.allclose(straight[:, 0], straight[:, 1], atol=1e-3)


@pytest.mark.parametrize("sees", SIGHTS)
def test_what_is_seen_reaches_every_step(sees: str) -> None:
    """The gates come at the output, so the network cannot leave the picture aside at once; what is seen late matters late."""
    model, given = separator(sees), example(2)
    later = {name: given[name].clone() for name in given}
    later["motion"][:, 0, 7:] += 1
    later["pictures"][:, 0, 1:] *= 0.3
    with torch.no_grad():
        change = (log_masks(model, given) - log_masks(model, later)).abs().amax((0, 1, 2))
    assert change[-1] > 1e-4
    if sees == "pixels":
        assert change[0] == 0  # pictures are not averaged over time


def test_who_is_not_shown_gets_nothing() -> None:
    model, given = separator("both"), example(3)
    given["shown"][:, 2] = False
    with torch.no_grad():
        masks = log_masks(model, given).exp()
    assert not masks[:, 2].any()
    assert torch.allclose(masks.sum(1), torch.ones(2, BINS, STEPS), atol=1e-6)


def test_a_player_without_pictures_is_known_by_movement_alone() -> None:
    """The studio's further players have none. Black is no picture, not a dark player."""
    model, given = separator("both"), example(2)
    black = {**given, "pictures": torch.zeros_like(given["pictures"])}
    with torch.no_grad():
        moved = model.movement(given["motion"].flatten(0, 1), STEPS).unflatten(0, (2, 2))
        assert torch.equal(model.gates(black["motion"], black["pictures"], 2, STEPS), moved)


def test_the_loss_wants_the_ideal_masks() -> None:
    """Cross-entropy is least, for given ideal masks, at the ideal masks, and finite where nobody is shown."""
    model, given = separator("movement"), example(2)
    given["shown"][:, 1], given["sources"][:, 1] = False, 0
    loss = model(**given)["loss"]
    ideal = given["sources"] / given["sources"].sum(1, keepdim=True)
    weight = (given["power"] + 1e-10) ** 0.3
    weight = weight / weight.mean((1, 2), keepdim=True)
    least = -(ideal * ideal.clamp(min=1e-30).log()).sum(1).mul(weight).mean()
    assert torch.isfinite(loss)
    assert loss > least


def test_without_sight_the_order_is_free() -> None:
    """A loss with an order would teach it to give each player the mean."""
    model, given = separator("nothing"), example(3)
    turned = given | {"sources": given["sources"][:, [2, 0, 1, 3]]}
    assert model(**given)["loss"].item() == pytest.approx(model(**turned)["loss"].item(), abs=1e-6)


@pytest.mark.parametrize("sees", ["nothing", *SIGHTS])
def test_it_learns(sees: str) -> None:
    """A step along the gradient lowers the loss; every parameter has one."""
    model, given = separator(sees, dropout=0.0).train(), example(2)
    given = {name: tensor for name, tensor in given.items() if sees != "nothing" or name not in ("motion", "pictures")}
    before = model(**given)["loss"]
    before.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name
        parameter.data -= 0.02 * parameter.grad / parameter.grad.norm()
    assert model(**given)["loss"] < before


def seen(players: int, seconds: float, rng: np.random.Generator) -> list[Seen]:
    return [
        Seen(
            rng.normal(size=(round(25 * seconds), JOINTS, 2)).astype(np.float32),
            rng.integers(0, 255, (max(round(5 * seconds), 1), 64, 64, 3), np.uint8),
        )
        for _ in range(players)
    ]


@settings(max_examples=12)
@given(samples=st.integers(1, 20 * STEPS * HOP // 4), players=st.integers(1, 3), seed=st.integers(0, 99))
def test_parts_add_up_to_the_sound(samples: int, players: int, seed: int) -> None:
    """Of any length, even of less than a window, for any number of players; each frame is done once."""
    rng = np.random.default_rng(seed)
    sound = rng.uniform(-1, 1, samples).astype(np.float32)
    ticks: list[int] = []
    parts = separating.separate(
        separator("both"),
        sound,
        seen(players, samples / RATE_HZ, rng) if samples > 999 else seen(players, 0.1, rng),
        PROFILE,
        ticks.append,
    )
    assert parts.shape == (players + 1, samples)
    assert np.abs(parts.sum(0) - sound).max() < 1e-5
    assert sum(ticks) == -(-(1 + samples // HOP) // EVERY)


def test_a_window_is_masked_as_the_network_says() -> None:
    """A sound of one window has the masks of that window. In a longer one each window has its own sight, and where two overlap the
    masks lie between theirs."""
    rng = np.random.default_rng(0)
    model, players, hop = separator("movement"), seen(2, 2.0, rng), STEPS // 2
    sound = rng.uniform(-1, 1, 2 * STEPS * EVERY * HOP - 1).astype(np.float32)
    scale = Scale(BINS, 30.0, 2, PROFILE.audio)
    frames = log_frequency.forward(sound, PROFILE.audio)
    alone = []
    for start in (0, hop, STEPS):
        power = torch.from_numpy(scale.power(frames[EVERY * start : EVERY * (start + STEPS)]).T[None])
        first = int(start * EVERY * HOP / RATE_HZ * 25 + 0.5)
        motion = torch.from_numpy(np.stack([player.motion[first : first + 16] for player in players])[None])
        with torch.no_grad():
            found = model.log_masks(power, model.gates(motion, None, 2, STEPS)).exp()
        alone.append(found[0, :2].transpose(1, 2).numpy())  # (players, steps, bins)
    masks = separating.masks(model, sound, players, PROFILE)
    assert masks.shape == (2, 2 * STEPS, BINS)
    assert masks[:, :hop] == pytest.approx(alone[0][:, :hop], abs=2e-3)
    assert masks[:, -hop:] == pytest.approx(alone[2][:, hop:], abs=2e-3)
    for place in range(hop, 3 * hop):
        first, second = (0, 1) if place < STEPS else (1, 2)
        both = np.stack([alone[first][:, place - first * hop], alone[second][:, place - second * hop]])
        assert (masks[:, place] > both.min(0) - 2e-3).all()
        assert (masks[:, place] < both.max(0) + 2e-3).all()


def test_the_sum_of_cells_follows_the_sound() -> None:
    """No cell is louder than the mixture; a player is heard when there is sound, and not when there is none."""
    rng = np.random.default_rng(0)
    length = STEPS * EVERY * HOP
    sound = np.concatenate([np.zeros(2 * length), rng.uniform(-1, 1, length)]).astype(np.float32)
    for sees, cells in (("movement", 1), ("both", 64)):
        found = separating.volumes(separator(sees), sound, seen(2, 2.0, rng), PROFILE)
        assert found.shape == (2, -(-(1 + len(sound) // HOP) // EVERY), cells)
        assert (found >= 0).all()
        assert found[:, : 2 * STEPS - 8].max() < 1e-6 < found[:, 2 * STEPS + 8 :].min()


def test_models_of_the_separation_are_built_by_their_config(tmp_path: Any) -> None:
    from pipeline.training import weights

    sizes = {
        "bins": BINS,
        "lowest_hz": 30.0,
        "highest_hz": 8000.0,
        "every": 2,
        "steps": STEPS,
        "picture_fps": 5.0,
        "picture_px": 64,
        "sees": "both",
        "multiples": [0.5, 1.0, 2.0],
        "channels": 4,
        "depth": 3,
    }
    sizes |= {"maps": 4, "bands": 2, "joints": JOINTS, "width": 8, "layers": 2, "picture_channels": 2, "dropout": 0.1}
    sizes |= {"loudness_weight": 0.3, "sharpness": 2.0}
    model, given = separator("both"), example(2)
    weights.save(tmp_path, model, weights.Config("separator", "fp32", sizes))
    loaded = weights.load(tmp_path, {"separator": Separator})
    with torch.no_grad():
        assert torch.equal(log_masks(model, given), log_masks(loaded, given))
    assert re.search("separator", (tmp_path / "config.json").read_text())


@pytest.mark.parametrize(
    ("shift", "wanted"), [(0, [1, 2, 3, 4]), (1, [2, 3, 4, 0]), (-2, [0, 0, 1, 2]), (9, [0, 0, 0, 0])]
)
def test_a_bin_is_heard_with_those_at_its_multiples(shift: int, wanted: list[int]) -> None:
    """What lies beyond the ends is silent, not what lies at the other end."""
    heard = torch.tensor([1.0, 2, 3, 4])[None, :, None].expand(2, 4, 3)
    found = shifted(heard, shift)
    assert found.shape == heard.shape
    assert found[1, :, 2].tolist() == wanted


def test_masks_are_sharper_after_training() -> None:
    """As if each mask were taken to that power; in training they are as they are, or the loss would learn them flatter."""
    given = example(2)
    plain, sharp = (separator("movement", sharpness=sharpness, dropout=0.0) for sharpness in (1.0, 3.0))
    with torch.no_grad():
        flat, steep = (log_masks(model, given) for model in (plain, sharp))
        assert torch.allclose(steep, (3 * flat).log_softmax(1), atol=1e-5)
        losses = [float(model.train()(**given)["loss"]) for model in (plain, sharp)]
    assert losses[0] == losses[1]
