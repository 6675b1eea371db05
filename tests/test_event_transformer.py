"""The event transformer and its sampler: what they promise, as properties."""

import time
from dataclasses import asdict
from typing import Any

import numpy as np
import pretty_midi
import pytest
import torch
from pretty_midi import Note
from torch import Tensor

from pipeline.keypoints.skeleton import BONES, JOINTS
from pipeline.models.event_transformer import EventTransformer, at_times
from pipeline.notes import midi_file
from pipeline.notes.events import NO_OFF, Code
from pipeline.sampling.event_sampler import Grammar, draw, notes, sample, sample_long

FPS = 25.0
CODES = {"foley_music": Code(False, 32, 60), "foley_timed": Code(True, 8, 60)}
KINDS: dict[str, dict[str, Any]] = {
    "foley_music": {"encoder": "st_gcn", "timed": False},
    "foley_timed": {"encoder": "convolutions", "timed": True},
}


def make(kind: str, longest: int = 60, width: int = 16, layers: int = 2) -> EventTransformer:
    """Weights so large that a wrong step shows."""
    torch.manual_seed(0)
    code = Code(CODES[kind].carry, CODES[kind].velocity_steps, longest)
    model = EventTransformer(
        tokens=code.tokens,
        code=asdict(code),
        joints=JOINTS,
        edges=BONES,
        fps=FPS,
        channels=8,
        encoder_layers=2,
        layers=layers,
        width=width,
        heads=2,
        dropout=0.1,
        token_dropout=0.3,
        condition_dropout=0.1,
        onset_loss_weight=1.0,
        temperature=1.0,
        **KINDS[kind],
    )
    for name, parameter in model.named_parameters():
        if not name.startswith("body"):
            torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()


@pytest.fixture(params=["foley_music", "foley_timed"])
def model(request: pytest.FixtureRequest) -> EventTransformer:
    return make(request.param)


def motion(windows: int = 3, frames: int = 50) -> Tensor:
    return torch.randn(windows, frames, JOINTS, 2, generator=torch.Generator().manual_seed(1))


def drawn(model: EventTransformer, windows: int = 3) -> tuple[Tensor, Tensor]:
    """Some tokens and their clock."""
    code = Code(**model.code)
    tokens = sample(model, motion(windows), torch.Generator().manual_seed(2))
    return torch.from_numpy(tokens.astype(np.int64)), torch.from_numpy(code.clock(tokens))


def test_no_token_sees_itself_or_a_later_one(model: EventTransformer) -> None:
    """A token that saw itself would be told its own answer."""
    tokens, clock_s = drawn(model)
    before = model.nll(tokens, clock_s, motion())
    changed = tokens.clone()
    changed[:, 10] = (changed[:, 10] + 1) % NO_OFF
    after = model.nll(changed, clock_s, motion())
    torch.testing.assert_close(before[:, :10], after[:, :10])
    assert not torch.allclose(before[:, 11:], after[:, 11:])


def test_padding_counts_for_nothing(model: EventTransformer) -> None:
    """The published code counted it in its accuracy."""
    tokens, clock_s = drawn(model)
    nll = model.nll(tokens, clock_s, motion())
    assert not nll[tokens == model.padding].any()
    assert (nll[tokens != model.padding] > 0).all()


def test_the_loss_is_that_of_the_formula(model: EventTransformer) -> None:
    tokens, clock_s = drawn(model)
    near = torch.rand(3, 50)
    model.condition_dropout = 0.0  # which windows go without is drawn anew
    found = model(tokens, clock_s, motion(), near)
    nll = model.nll(tokens, clock_s, motion())
    torch.testing.assert_close(found["nll"], nll.sum() / (tokens != model.padding).sum())
    torch.testing.assert_close(found["loss"], found["nll"] + found.get("onset_loss", torch.zeros(())))
    assert ("onset_loss" in found) == model.timed


def test_the_movement_is_heard_unless_it_is_not_seen(model: EventTransformer) -> None:
    tokens, clock_s = drawn(model)
    seen, unseen = torch.ones(3), torch.zeros(3)
    others = motion().flip(0)
    assert not torch.allclose(model.nll(tokens, clock_s, motion(), seen), model.nll(tokens, clock_s, others, seen))
    one, other = model.nll(tokens, clock_s, motion(), unseen), model.nll(tokens, clock_s, others, unseen)
    torch.testing.assert_close(one, other)


def test_only_the_timed_one_knows_the_clock() -> None:
    """The same tokens at other times: other scores, or the same."""
    for kind in KINDS:
        model = make(kind)
        tokens, clock_s = drawn(model)
        same = torch.equal(model.nll(tokens, clock_s, motion()), model.nll(tokens, clock_s / 2, motion()))
        assert same == (not model.timed)


def test_what_a_token_is_told_follows_its_clock() -> None:
    """Movement and clock, later by the same time, tell the same: away from the edges, attention in time knows no origin."""
    model = make("foley_timed")
    still = torch.zeros(1, 150, JOINTS, 2)
    event = torch.randn(1, 5, JOINTS, 2)
    early, late = still.clone(), still.clone()
    early[:, 60:65], late[:, 80:85] = event, event
    told = [model.movement(each).told for each in (early, late)]
    assert told[0] is not None
    assert told[1] is not None
    here = [at_times(each, torch.tensor([[at]])) for each, at in zip(told, (55.5, 75.5), strict=True)]
    torch.testing.assert_close(here[0], here[1])
    assert not torch.allclose(at_times(told[0], torch.tensor([[20.0]])), here[0])  # two seconds ahead: not told


def test_at_times_interpolates_and_holds_the_last() -> None:
    x = torch.tensor([[[0.0], [10.0], [30.0]]])
    assert at_times(x, torch.tensor([[0.0, 0.5, 1.25, 2.0, 9.0]]))[0, :, 0].tolist() == [0, 5, 15, 30, 30]


def uncached(model: EventTransformer, moving: Tensor, generator: torch.Generator) -> np.ndarray:
    """The whole prefix again for each token, as the published code does."""
    code, tokens = Code(**model.code), torch.zeros(len(moving), 0, dtype=torch.int64)
    grammar = Grammar(code, len(moving), moving.shape[1] / model.fps, moving.device)
    clocks = [torch.zeros(len(moving))]
    while tokens.shape[1] < code.longest and not grammar.ended.all():
        before = torch.nn.functional.pad(tokens, (1, 0), value=code.start)
        with torch.inference_mode():
            logits = model.logits(before, torch.stack(clocks, 1), model.movement(moving))[:, -1]
        allowed = grammar.allowed()
        if tokens.shape[1] == code.longest - 1:
            allowed[~grammar.ended] = torch.arange(code.tokens) == code.end
        token = draw(logits, allowed, 1.0, generator)
        grammar.take(token)
        clocks.append(grammar.clock_s.float())
        tokens = torch.cat([tokens, token[:, None]], dim=1)
    padded = torch.nn.functional.pad(tokens, (0, code.longest - tokens.shape[1]), value=code.padding)
    return padded.numpy().astype(np.int16)


def test_sampling_equals_the_loop_without_cache(model: EventTransformer) -> None:
    """Token for token."""
    for seed in range(3):
        whole = uncached(model, motion(), torch.Generator().manual_seed(seed))
        assert np.array_equal(sample(model, motion(), torch.Generator().manual_seed(seed)), whole)


@pytest.mark.slow
def test_the_cache_saves_four_fifths_of_the_time() -> None:
    """At the size of the committed models, and 96 tokens."""
    model, moving = make("foley_timed", longest=96, width=128, layers=3), motion(8, 100)
    model.head.bias.data[model.start + 1] = -100.0  # no early end
    times_s = []
    for each in (sample, uncached):
        each(model, moving[:1], torch.Generator().manual_seed(0))
        begin = time.process_time()
        each(model, moving, torch.Generator().manual_seed(0))
        times_s.append(time.process_time() - begin)
    assert times_s[1] > 5 * times_s[0], times_s


@pytest.mark.parametrize("frames", [50, 7])
def test_every_sample_is_valid_midi(model: EventTransformer, frames: int, tmp_path: Any) -> None:
    """Untrained models, which try everything: each note-off has its note-on, the clock stays in the window, and all end."""
    code = Code(**model.code)
    for number, tokens in enumerate(sample(model, motion(20, frames), torch.Generator().manual_seed(0))):
        (end,) = np.flatnonzero(tokens == code.end)
        assert (tokens[end + 1 :] == code.padding).all()
        assert (tokens[:end] < code.start).all()
        assert code.clock(tokens)[end] <= frames / FPS + 1e-5
        sounding: set[int] = set()
        for token in tokens[:end].tolist():
            if token < NO_OFF:
                assert token not in sounding
                sounding.add(token)
            elif token < code.first_velocity:
                sounding.remove(token - NO_OFF)
        made = notes(tokens, code, frames / FPS)
        assert all(0 <= note.start < note.end <= frames / FPS for note in made)
        path = tmp_path / f"{number}.mid"
        midi_file.write(path, made, 0, "test")
        assert sum(len(track.notes) for track in pretty_midi.PrettyMIDI(str(path)).instruments) == len(made)


def test_a_seed_is_a_music(model: EventTransformer) -> None:
    made = [sample(model, motion(), torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert np.array_equal(made[0], made[1])
    assert not np.array_equal(made[0], made[2])


def test_given_tokens_are_kept_and_gone_on_from(model: EventTransformer) -> None:
    code = Code(**model.code)
    given = [code.first_shift + 20, 176, 40, code.first_shift + 10]
    tokens = sample(model, motion(1), torch.Generator().manual_seed(0), given=torch.tensor([given]))[0]
    assert tokens[:4].tolist() == given
    assert (tokens[4:] < code.padding).any()


@pytest.mark.parametrize("frames", [1, 30, 50, 51, 75, 190])
def test_a_long_movement_is_played_to_its_end(frames: int) -> None:
    """None beyond the end, and some in every second; the first may begin with a long rest."""
    model = make("foley_timed")
    model.head.bias.data[model.start + 1] = -3.0
    made = sample_long(model, motion(1, frames)[0], 2.0, torch.Generator().manual_seed(3))
    assert all(0 <= note.start < note.end <= frames / FPS + 1e-6 for note in made)
    if frames > 50:
        heard = {int(note.start) for note in made}
        assert heard >= set(range(1, int(frames / FPS) - 1))


def test_windows_keep_what_was_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sampler that plays a note each 0.5 s and goes on from its past: no note is doubled or lost at a seam."""
    model = make("foley_timed")
    code = Code(**model.code)
    pasts = []

    def steady(
        model: EventTransformer, moving: Tensor, generator: Any, *, temperature: float, given: Tensor, key: None
    ) -> np.ndarray:
        start = 50 // 2 * (len(pasts))  # windows of 2 s, half of each new
        pasts.append(code.decode(given[0].numpy()))
        beats = [0.25 + number * 0.5 - start / FPS for number in range(100)]
        asked = [Note(64, 60, beat, beat + 0.5) for beat in beats if 0 <= beat < moving.shape[1] / FPS]
        return code.encode(asked, 2.0)[None]

    monkeypatch.setattr("pipeline.sampling.event_sampler.sample", steady)
    made = sample_long(model, motion(1, 150)[0], 2.0, torch.Generator())
    beats = 0.25 + 0.5 * np.arange(12)
    assert [note.start for note in made] == pytest.approx(beats, abs=0.02)
    assert [note.end for note in made] == pytest.approx([*(beats[:-1] + 0.5), 6.0], abs=0.03)
    assert [len(past) for past in pasts] == [0, 1, 1, 1, 1]
