"""Keys: what a text names, what belongs to one, and what a model is told of it; and that a model that is told plays in it."""

from dataclasses import asdict

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pretty_midi import Note

from pipeline.keypoints.skeleton import BONES, JOINTS
from pipeline.models.event_transformer import EventTransformer
from pipeline.notes import key
from pipeline.notes.events import Code
from pipeline.notes.key import KEYS, Key
from pipeline.sampling import event_sampler

NAMES = {
    "C": 0,
    "C#": 1,
    "Db": 1,
    "D": 2,
    "Eb": 3,
    "E": 4,
    "F": 5,
    "F#": 6,
    "G": 7,
    "Ab": 8,
    "A": 9,
    "Bb": 10,
    "B": 11,
    "Cb": 11,
}


@given(
    st.sampled_from(sorted(NAMES)), st.sampled_from(["major", "minor"]), st.sampled_from([" ", "   "]), st.booleans()
)
def test_every_key_can_be_named(name: str, mode: str, blank: str, small: bool) -> None:
    letter = name[0].lower() if small else name[0]
    assert key.parse(f" {letter}{name[1:]}{blank}{mode} ") == Key(NAMES[name], mode)


@pytest.mark.parametrize(("text", "tonic"), [("C", 0), ("F#", 6), ("Bb", 10), ("B", 11)])
def test_a_capital_alone_is_major(text: str, tonic: int) -> None:
    assert key.parse(text) == Key(tonic, "major")


@pytest.mark.parametrize(
    "text",
    ["", "c", "bb", "H minor", "C dorian", "Cminor", "C##", "C minor 7", "minor", "C-minor", "C MINOR", "0", "é major"],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a note and its mode"):
        key.parse(text)


def test_the_notes_of_a_key() -> None:
    assert Key(0, "minor").classes == [0, 2, 3, 5, 7, 8, 10]
    assert Key(6, "major").classes == [6, 8, 10, 11, 1, 3, 5]
    assert Key(0, "major").holds([60, 61, 71, 0, 127]).tolist() == [True, False, True, True, True]


@given(st.sampled_from(KEYS))
def test_the_histogram_of_a_key(asked: Key) -> None:
    """Its seven notes and no other, a whole, most of all the tonic; and keys of the same notes differ."""
    found = asked.histogram
    assert set(np.flatnonzero(found)) == set(asked.classes)
    assert found.sum() == pytest.approx(1)
    assert found.argmax() == asked.tonic
    assert len({each.histogram.tobytes() for each in KEYS}) == 24


@given(st.lists(st.integers(0, 127), max_size=30))
def test_the_histogram_of_notes(pitches: list[int]) -> None:
    found = key.histogram([Note(64, pitch, 0, 1) for pitch in pitches])
    assert found.dtype == np.float32
    assert found.sum() == pytest.approx(float(bool(pitches)))
    assert np.rint(found * max(len(pitches), 1)).tolist() == [sum(p % 12 == c for p in pitches) for c in range(12)]


def model(**changed: object) -> EventTransformer:
    torch.manual_seed(0)
    code = Code(True, 4, 24)
    sizes = {
        "tokens": code.tokens,
        "code": asdict(code),
        "joints": JOINTS,
        "edges": BONES,
        "fps": 25.0,
        "encoder": "convolutions",
        "timed": False,
        "channels": 4,
        "encoder_layers": 1,
        "layers": 1,
        "width": 32,
        "heads": 2,
        "dropout": 0.0,
        "token_dropout": 0.0,
        "condition_dropout": 0.0,
        "onset_loss_weight": 0.0,
        "temperature": 1.0,
        "key": True,
        "key_dropout": 0.5,
    }
    return EventTransformer(**(sizes | changed))  # type: ignore[arg-type]


def scale(generator: np.random.Generator) -> list[Note]:
    """Four notes of a random key."""
    classes = KEYS[generator.integers(24)].classes
    pitches = 60 + generator.choice(classes, 4)
    return [Note(64, int(pitch), 0.4 * number, 0.4 * number + 0.3) for number, pitch in enumerate(pitches)]


def batch(generator: np.random.Generator, size: int) -> dict[str, torch.Tensor]:
    code, notes = Code(True, 4, 24), [scale(generator) for _ in range(size)]
    tokens = np.stack([code.encode(each, 2.0) for each in notes]).astype(np.int64)
    return {
        "tokens": torch.from_numpy(tokens),
        "clock_s": torch.from_numpy(code.clock(tokens)),
        "motion": torch.zeros(size, 50, JOINTS, 2),
        "onsets": torch.zeros(size, 50),
        "key": torch.from_numpy(np.stack([key.histogram(each) for each in notes])),
    }


def test_no_key_is_a_histogram_of_nothing() -> None:
    """And which key is told makes a difference to each token, if the model knows keys."""
    given_batch = batch(np.random.default_rng(0), 3)
    told = given_batch.pop("key")
    given_batch.pop("onsets")
    for knows in (True, False):
        untrained = model(key=knows).eval()
        nothing = untrained.nll(**given_batch)
        torch.testing.assert_close(untrained.nll(**given_batch, key=torch.zeros(3, 12)), nothing)
        heard = untrained.nll(**given_batch, key=told)
        same = torch.isclose(heard, nothing)[given_batch["tokens"] != untrained.padding]
        assert same.all() if not knows else not same.any()


def test_the_key_is_left_out_of_its_share_of_the_training() -> None:
    """Or the model could not do without. With a share of 1, the key makes no difference."""
    given_batch = batch(np.random.default_rng(0), 8)
    losses = {}
    for share in (0.0, 0.5, 1.0):
        untrained = model(key_dropout=share)
        losses[share] = untrained(**given_batch)["loss"].item()
        without = untrained(**(given_batch | {"key": torch.zeros(8, 12)}))["loss"].item()
        assert (losses[share] == without) == (share == 1.0)
    assert len(set(losses.values())) == 3


@pytest.mark.slow
def test_a_model_learns_to_play_in_a_key() -> None:
    """Asked for a key, more of its notes belong to it than unasked, where they are seven of twelve by chance."""
    generator = np.random.default_rng(1)
    learner = model()
    optimizer = torch.optim.Adam(learner.parameters(), 3e-3)
    for _ in range(500):
        optimizer.zero_grad()
        learner(**batch(generator, 32))["loss"].backward()
        optimizer.step()
    learner.eval()
    code, shares = Code(**learner.code), []
    for asked in (torch.from_numpy(np.stack([each.histogram for each in KEYS])), None):
        drawn = event_sampler.sample(
            learner, torch.zeros(24, 50, JOINTS, 2), torch.Generator().manual_seed(0), key=asked
        )
        inside = [
            each.holds(note.pitch for note in code.decode(tokens)) for each, tokens in zip(KEYS, drawn, strict=True)
        ]
        shares.append(np.concatenate(inside).mean())
    assert shares[0] > 0.8, shares
    assert shares[1] < 0.72, shares
