"""The studio beyond URMP: nine more instruments, who plays, players who are turned or left-handed; and URMP's 13 as before."""

import hashlib
from collections import Counter
from pathlib import Path
from typing import get_args

import numpy as np
import pretty_midi
import pytest
import soundfile
from make_media import SMALL

from pipeline import params
from pipeline.corpus import folder, urmp
from pipeline.errors import ParamsError
from pipeline.keypoints import skeleton
from pipeline.notes import midi
from pipeline.studio import motion, pieces, players, score, struck, synthesis, timing
from pipeline.studio.instruments import BY_CODE
from pipeline.studio.postures import POSTURES

FPS, SIZE_PX = 20.0, (480, 480)
URMP = ["vn", "va", "vc", "db", "fl", "ob", "cl", "bn", "sax", "tpt", "hn", "tbn", "tba"]
WIDE = ["gt", "uk", "bg", "pno", "dr", "hd", "xyl", "acc", "hp"]
RIGHT, LEFT = skeleton.RIGHT_HAND, skeleton.LEFT_HAND
TIPS = [4, 8, 12, 16, 20]  # of a hand's fingers


def _part(pitches: list[int], phrases: list[int] | None = None, seconds: float = 0.5) -> score.Part:
    """Equal notes without rests. Their onsets are the times of pictures."""
    n = len(pitches)
    return score.Part(
        onsets_s=0.5 + seconds * np.arange(n),
        durations_s=np.full(n, 0.95 * seconds),
        pitches=np.array(pitches),
        velocities=np.full(n, 90),
        phrases=np.array(phrases or [0] * n),
        beat_s=seconds,
    )


def _joints(code: str, part: score.Part, seed: int = 0) -> np.ndarray:
    """The joints relative to the neck: [frames, 47, 2], shoulder widths."""
    rng = np.random.default_rng([seed, ord(code[-1])])
    joints = motion.perform(BY_CODE[code], players.draw_player(rng), part, 8.0, FPS, SIZE_PX, rng).joints
    width_px = np.linalg.norm(joints[:, skeleton.LEFT_SHOULDER] - joints[:, skeleton.RIGHT_SHOULDER], axis=-1).mean()
    return (joints - joints[:, :1]) / width_px


def _frames(part: score.Part) -> np.ndarray:
    return np.round(part.onsets_s * FPS).astype(int)


def _curl(hand: np.ndarray) -> np.ndarray:
    """How far the fingers of a hand [frames, 21, 2] are closed: the sum of the distances from the wrist to the tips, below 0."""
    return -np.linalg.norm(hand[:, TIPS] - hand[:, :1], axis=-1).sum(axis=1)


def test_the_13_instruments_are_as_they_were(tmp_path: Path) -> None:
    """Protects every run before the nine: joints and sound of a small piece have the bytes that they had."""
    pieces.make_piece(tmp_path, 4, ("vn", "tbn"), SMALL)
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in tmp_path.iterdir()}
    assert {
        "Joints_1_vn_05_Arioso.npy": "f4a7886d576ed7a4733698d4a91f33750af36a1633bc3a7d2b5ae5091dd5ac1a",
        "Joints_2_tbn_05_Arioso.npy": "f6a977def8036a556ab902a8a62d9173937dcf4496cc29f603a1399234615b35",
        "AuSep_1_vn_05_Arioso.wav": "cdbdfea705ed88f1ed05a31a56e3a4403d48ae2c0c878b0289cdd05518a64b55",
        "AuSep_2_tbn_05_Arioso.wav": "ae4e00d6594d0cb70641f0df23abe97230fa2e593ab1795bf5d39991c15109a1",
        "Notes_1_vn_05_Arioso.txt": "ce77b3f999acc7310885d866df1edc238cad3c02b2753ab47f5bab5d2b3ef8cc",
        "Sco_05_Arioso_vn_tbn.mid": "8666b8939e0b28c1e0a15e4a78428da26a4e572032ccd1281736e2a8b7789c0a",
    }.items() <= digests.items()
    plan = repr(pieces.plan(12, 12, URMP)).encode()
    assert hashlib.sha256(plan).hexdigest() == "55139ff6578e68e58cac4bcb29502070dc79907587d0841815b5435b4dd74125"


def test_all_know_the_same_instruments() -> None:
    """Protects the chain: what may be chosen is played, and what is played is read under the same name."""
    assert list(get_args(params.Instrument)) == list(BY_CODE) == list(POSTURES) == URMP + WIDE
    assert {code: instrument.name for code, instrument in BY_CODE.items()} == urmp.INSTRUMENTS


def test_the_profiles_choose(tmp_path: Path) -> None:
    """Protects the default: only `wide` has the nine, and only there a player is turned or left-handed."""
    profiles = Path(__file__).parent.parent / "profiles"
    for profile in ("demo", "smoke", "paper", "solos"):
        studio = params.load(profiles / f"{profile}.yaml").studio
        assert (studio.instruments, studio.turned_degrees, studio.left_handed) == (URMP, 0, 0)
    wide, demo = params.load(profiles / "wide.yaml"), params.load(profiles / "demo.yaml")
    assert (wide.studio.instruments, wide.studio.turned_degrees, wide.studio.left_handed) == (URMP + WIDE, 40, 0.1)
    # In `wide` all players are turned by studio.turned_degrees.
    assert (wide.more_players.turned_degrees, demo.more_players.turned_degrees) == (0, 30)
    assert wide.model_copy(update={"studio": demo.studio, "more_players": demo.more_players}) == demo


def test_only_chosen_instruments_play() -> None:
    """Protects the choice: solos and ensembles have no others, and each has its number of tracks."""
    plan = pieces.plan(3, 2, ["gt", "dr", "bg", "vn"])
    assert plan[:2] == [("gt", "bg", "dr"), ("gt", "bg", "dr")]
    assert Counter(code for codes in plan for code in codes) == dict.fromkeys(["gt", "dr", "bg", "vn"], 3)
    with pytest.raises(ParamsError, match=r"studio\.ensembles = 1: .* 0 at most"):
        pieces.plan(3, 1, ["gt", "uk"])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("guitar", "guitar"),
        ("my_bass_guitar", "bass guitar"),
        ("Drums 3", "drums"),
        ("hand-drums", "hand drums"),
        ("piano", "piano"),
        ("ukulele", "ukulele"),
        ("accordion", "accordion"),
        ("harp", "harp"),
        ("xylophone", "xylophone"),
        ("keyboard", "keyboard"),
        ("double_bass", "double bass"),
        ("piano_and_guitar", "unknown"),
        ("bass_guitar_and_piano", "unknown"),
    ],
)
def test_a_file_is_named_like_the_studios_instrument(name: str, expected: str) -> None:
    """Protects videos of a folder: a name is one instrument, also if it holds the name of another."""
    assert folder.instrument(Path(f"{name}.mp4")) == expected


def test_who_is_turned_or_left_handed_plays_the_same() -> None:
    """Protects the default: what it does not ask for comes from a generator of its own."""
    performance, sound = pieces.solo(3, BY_CODE["gt"], 0, SMALL)
    mirrored, same = pieces.solo(3, BY_CODE["gt"], 0, SMALL.model_copy(update={"left_handed": 1.0}))
    assert same.tobytes() == sound.tobytes()
    other_side = [0, *range(24, 47), *range(1, 24)]
    expected = performance.joints[:, other_side] * (-1, 1) + (SMALL.player_width_px, 0)
    np.testing.assert_allclose(mirrored.joints, expected, atol=0.01)
    np.testing.assert_allclose(mirrored.depths, performance.depths[:, other_side], atol=0.01)
    for before, after in zip(performance.shapes, mirrored.shapes, strict=True):
        np.testing.assert_allclose(after.points, before.points * (-1, 1) + (SMALL.player_width_px, 0), atol=0.01)
    turned, same = pieces.solo(3, BY_CODE["gt"], 0, SMALL.model_copy(update={"turned_degrees": 40.0}))
    assert same.tobytes() == sound.tobytes()
    by = [np.random.default_rng([1, 3, 0, 1]).uniform(-1, 1) * 40]
    np.testing.assert_array_equal(turned.joints, pieces.solo(3, BY_CODE["gt"], by[0], SMALL)[0].joints)


def test_one_in_ten_is_left_handed_and_nobody_is_in_profile() -> None:
    """Protects the shares, and the shoulders' width in the picture, by which movement is scaled."""
    studio = SMALL.model_copy(update={"left_handed": 0.1, "turned_degrees": 40.0})
    for code, least, most in (("vc", 70, 80), ("hp", 50, 75)):
        drawn = [pieces._player(index, 0, BY_CODE[code], studio, np.random.default_rng(7)) for index in range(400)]
        assert 20 <= sum(player.left_handed for player in drawn) <= 60
        yaws = np.array([BY_CODE[code].yaw + player.yaw for player in drawn])
        assert least < np.ptp(yaws) <= most
        assert np.abs(yaws).max() <= 60.001


@pytest.mark.parametrize("code", WIDE)
def test_a_score_with_any_instrument_is_read(code: str, tmp_path: Path) -> None:
    """Protects the numbering of the parts: drums count as one, though they have no pitch."""
    instruments = [BY_CODE[code], BY_CODE["vn"]]
    parts = score.compose(instruments, 4.0, np.random.default_rng(1))
    score.write_midi(tmp_path / "score.mid", instruments, parts)
    read = midi.parts(tmp_path / "score.mid")
    assert [each.program for each in read] == [instrument.program for instrument in instruments]
    for part, track in zip(parts, read, strict=True):
        assert [note.pitch for note in track.notes] == part.pitches.tolist()
        np.testing.assert_allclose([note.start for note in track.notes], part.onsets_s, atol=1e-3)


def test_a_piece_of_the_nine_is_read_like_urmps(tmp_path: Path) -> None:
    """Protects the way into training: the reader of URMP's layout finds each player, their strip, their notes and their part."""
    codes = ("gt", "bg", "dr")
    (tmp_path / pieces.piece_name(0, codes)).mkdir()
    pieces.make_piece(tmp_path / pieces.piece_name(0, codes), 0, codes, SMALL)
    tracks, aside = urmp.read(tmp_path)
    assert aside == []
    assert [track.instrument for track in tracks] == ["guitar", "bass guitar", "drums"]
    assert [(track.part, round(track.left, 2)) for track in tracks] == [(0, 0.0), (1, 0.33), (2, 0.67)]
    for track in tracks:
        assert track.midi is not None
        assert track.notes is not None
        onsets_s = np.loadtxt(track.notes, delimiter="\t", ndmin=2)[:, 0]
        assert track.part is not None
        read = [note.start for note in midi.parts(track.midi)[track.part].notes]
        np.testing.assert_allclose(read, onsets_s, atol=1e-3)
        assert track.joints is not None
        assert np.load(track.joints).shape == (40, skeleton.JOINTS, 3)


def test_chords_and_drums_sound_with_their_notes() -> None:
    """Protects the sound: a strum goes down and up over the strings, and ends with its note; a drum has its own key."""
    part = _part([48, 50])
    events = list(synthesis._events(BY_CODE["gt"], part))
    starts = [(round(time_s, 3), key) for time_s, key, velocity in events if velocity]
    assert starts[:4] == [(0.5, 48), (0.512, 55), (0.524, 60), (0.536, 64)]
    assert starts[4:] == [(1.0, 66), (1.012, 62), (1.024, 57), (1.036, 50)]
    assert {round(time_s, 3) for time_s, _, velocity in events if not velocity} == {0.975, 1.475}
    assert [key for _, key, _ in synthesis._events(BY_CODE["pno"], _part([60]))][::2] == [48, 55, 60]
    drums = BY_CODE["dr"]
    keys = [key for _, key, _ in synthesis._events(drums, _part(list(range(drums.low, drums.high + 1))))]
    assert set(keys) == {36, 38, 42, 45, 48, 49}
    for code in ("dr", "hd"):
        sounds = BY_CODE[code].drums
        numbers = [BY_CODE[code].drum(pitch) for pitch in range(BY_CODE[code].low, BY_CODE[code].high + 1)]
        assert sorted(set(numbers)) == list(range(len(sounds)))


def test_a_stroke_is_lowest_at_the_onset() -> None:
    """Protects the strokes themselves: they fall ever faster, touch at each onset, and are lower where notes are close."""
    times_s, onsets_s = np.arange(0, 4, 0.01), np.array([0.5, 1.0, 1.2, 3.0])
    height = timing.strikes(times_s, onsets_s, np.full(4, 12.0))
    at = np.round(onsets_s * 100).astype(int)
    np.testing.assert_allclose(height[at], 0, atol=1e-9)
    assert (np.delete(height, at) > 0).all()
    assert height.max() <= 12
    assert height[85] == pytest.approx(12)
    assert 4 < height[100:120].max() < 11
    falls = -np.diff(height[88:101])
    assert (np.diff(falls) > 0).all()
    assert timing.strikes(times_s, np.zeros(0), np.zeros(0)).min() > 0


def test_a_strum_crosses_the_strings_at_the_onset() -> None:
    """Protects the strokes themselves: down at even notes, up at odd ones, as far as they are loud."""
    part, sizes = _part([50, 50, 50, 50], seconds=0.3), np.array([5.0, 7.0, 6.0, 4.0])
    times_s = np.arange(0, 2.5, 0.01)
    sweep = timing.strums(times_s, part, sizes)
    at = np.round(part.onsets_s * 100).astype(int)
    np.testing.assert_allclose(sweep[at], 0, atol=1e-6)
    np.testing.assert_allclose(sweep[at + 13], [-5, 7, -6, 4], atol=1e-6)
    assert ((sweep[at + 1] > 0) == [False, True, False, True]).all()
    assert (np.diff(np.sign(np.delete(sweep, at))) != 0).sum() == 4


def test_hands_take_turns_unless_the_place_says_which() -> None:
    either, right, left = struck.EITHER, struck.RIGHT, struck.LEFT
    wanted = np.array([either, either, right, either, left, either])
    assert struck.hands(wanted).tolist() == [right, left, right, left, left, right]


@pytest.mark.parametrize("code", ["dr", "hd", "xyl"])
def test_the_hand_that_strikes_is_lowest_at_the_onset(code: str) -> None:
    """Protects the fine timing: raised 150 ms before, lowest within a frame of the onset, raised again after it."""
    part = _part([57] * 14)
    for seed in range(3):
        joints = _joints(code, part, seed)
        for number, at in enumerate(_frames(part)):
            down = joints[:, RIGHT if number % 2 == 0 else LEFT, 1].mean(axis=1)
            around = down[at - 4 : at + 5]
            assert abs(int(around.argmax()) - 4) <= 1
            assert around.max() > down[at - 3] + 0.06
            assert around.max() > down[at + 3] + 0.06


@pytest.mark.parametrize("code", ["gt", "uk"])
def test_the_strumming_hand_crosses_the_strings_at_the_onset(code: str) -> None:
    """Protects the fine timing: downwards at even notes, upwards at odd ones, in the middle of its way at the onset."""
    part = _part([BY_CODE[code].low + 8] * 14)
    for seed in range(3):
        down = _joints(code, part, seed)[:, RIGHT, 1].mean(axis=1)
        for number, at in enumerate(_frames(part)):
            way = down[at + 3] - down[at - 3]
            assert way * (1 if number % 2 == 0 else -1) > 0.08
            assert abs(down[at] - (down[at + 3] + down[at - 3]) / 2) < 0.25 * abs(way)


@pytest.mark.parametrize("code", ["bg", "hp", "acc"])
def test_fingers_close_at_the_onset(code: str) -> None:
    """Protects the fine timing: the fingers that pluck or press are most closed within a frame of the onset."""
    part = _part([(BY_CODE[code].low + BY_CODE[code].high) // 2 + 6] * 14)
    for seed in range(3):
        closed = _curl(_joints(code, part, seed)[:, RIGHT])
        for at in _frames(part):
            around = closed[at - 3 : at + 4]
            assert abs(int(around.argmax()) - 3) <= 1
            assert around.max() - around[0] > 0.02


def test_the_pianists_hands_dip_at_the_onset() -> None:
    """Protects the fine timing: both hands for an upper note with its chord, the left one for a lower note."""
    middle = (BY_CODE["pno"].low + BY_CODE["pno"].high) // 2
    part = _part([middle + 8] * 7 + [middle - 8] * 7)
    joints = _joints("pno", part)
    for number, at in enumerate(_frames(part)):
        for hand in (RIGHT, LEFT) if number < 7 else (LEFT,):
            down = joints[:, hand, 1][:, TIPS].mean(axis=1)
            around = down[at - 3 : at + 4]
            assert abs(int(around.argmax()) - 3) <= 1
            assert around.max() > around[0] + 0.04


@pytest.mark.parametrize(
    ("code", "hand", "axis", "sign"), [("pno", RIGHT, 0, -1), ("acc", RIGHT, 1, 1), ("hp", RIGHT, 0, -1)]
)
def test_the_hand_moves_with_the_pitch(code: str, hand: slice, axis: int, sign: int) -> None:
    """Protects the pitch in the movement: along the keys and the strings, to where it has to be at the onset."""
    middle = (BY_CODE[code].low + BY_CODE[code].high) // 2
    pitches = [middle + step for step in (2, 9, 4, 14, 7, 3, 12, 5, 15, 1, 8, 13, 6, 11)]
    part = _part(pitches)
    place = _joints(code, part)[_frames(part)][:, hand, axis].mean(axis=1)
    assert sign * np.corrcoef(place, pitches)[0, 1] > 0.9


def test_the_hand_over_the_bars_moves_with_the_pitch() -> None:
    """Protects the pitch in the movement: low bars are on the player's left, for either hand."""
    pitches = [60, 62, 79, 77, 65, 64, 74, 76, 62, 60, 69, 71, 81, 79]
    part = _part(pitches)
    joints = _joints("xyl", part)[_frames(part)]
    for first, hand in ((0, RIGHT), (1, LEFT)):
        x = joints[first::2, hand, 0].mean(axis=1)
        assert np.corrcoef(x, pitches[first::2])[0, 1] < -0.95


def test_each_drum_has_its_place() -> None:
    """Protects the sounds in the movement: the hand is elsewhere for each part of the kit, and which hand it is depends on it."""
    drums = BY_CODE["dr"]
    pitches = [next(p for p in range(48, 70) if drums.drum(p) == sound) for sound in (0, 1, 2, 3, 4, 5)]
    part = _part(pitches)
    joints = _joints("dr", part)[_frames(part)]
    x = [joints[i, hand, 0].mean() for i, hand in enumerate((LEFT, RIGHT, LEFT, LEFT, RIGHT, RIGHT))]
    assert x[1] < -0.2 < 0.2 < x[0]
    assert x[0] == pytest.approx(x[3], abs=0.1)
    height = -joints[5, RIGHT, 1].mean()
    assert height > -joints[1, RIGHT, 1].mean() + 0.2


def test_the_bellows_turn_at_each_phrase() -> None:
    """Protects the phrases in the movement: the left hand goes out in one and comes back in the next."""
    part = _part([70, 72] * 7, phrases=[0] * 5 + [1] * 5 + [2] * 4)
    x = _joints("acc", part)[:, skeleton.LEFT_WRIST, 0]
    at = _frames(part)[[0, 5, 10]]
    assert x[at[1]] > x[at[0]] + 0.2
    assert x[at[2]] < x[at[1]] - 0.2
    assert x[at[2] + 30] > x[at[2]] + 0.1


@pytest.mark.parametrize("code", WIDE)
def test_a_part_of_one_note_is_performed(code: str) -> None:
    """Protects the shortest pieces: a hand without a note waits."""
    for pitch in (BY_CODE[code].low, BY_CODE[code].high):
        assert np.isfinite(_joints(code, _part([pitch]))).all()


@pytest.mark.parametrize("code", WIDE)
def test_loud_notes_are_larger_gestures(code: str) -> None:
    """Protects the loudness in the movement."""
    soft = _part([(BY_CODE[code].low + BY_CODE[code].high) // 2 + 3] * 12)
    loud = score.Part(soft.onsets_s, soft.durations_s, soft.pitches, np.full(12, 118), soft.phrases, soft.beat_s)
    soft = score.Part(soft.onsets_s, soft.durations_s, soft.pitches, np.full(12, 45), soft.phrases, soft.beat_s)

    def moved(part: score.Part) -> float:
        hands = np.r_[RIGHT, LEFT]
        joints = _joints(code, part)[10:130, hands]
        return float(np.linalg.norm(np.diff(joints, axis=0), axis=-1).mean())

    assert moved(loud) > 1.1 * moved(soft)


def test_the_sound_comes_after_the_movement(tmp_path: Path) -> None:
    """As in films of real players: all that is heard and written of the notes is later, and no joint is."""
    after = SMALL.model_copy(update={"sound_after_s": 0.1})
    for name in ("now", "after"):
        (tmp_path / name).mkdir()
        pieces.make_piece(tmp_path / name, 3, ("gt",), SMALL if name == "now" else after)
    (now, later) = (
        {kind: next((tmp_path / name).glob(f"{kind}_*")) for kind in ("Joints", "Notes", "AuSep", "Sco", "F0s")}
        for name in ("now", "after")
    )
    np.testing.assert_array_equal(np.load(now["Joints"]), np.load(later["Joints"]))
    written, moved = np.loadtxt(now["Notes"]), np.loadtxt(later["Notes"])
    np.testing.assert_allclose(moved[:, 0], written[: len(moved), 0] + 0.1, atol=1e-5)
    assert (moved[:, 0] + moved[:, 2]).max() <= SMALL.duration_s + 1e-5
    scores = [pretty_midi.PrettyMIDI(str(files["Sco"])).instruments[0].notes[0].start for files in (now, later)]
    assert scores[1] - scores[0] == pytest.approx(0.1, abs=0.002)
    sounds = [soundfile.read(files["AuSep"])[0] for files in (now, later)]
    first = [np.flatnonzero(np.abs(sound) > 0.01)[0] / SMALL.sample_rate_hz for sound in sounds]
    assert first[1] - first[0] == pytest.approx(0.1, abs=0.005)
    (performance, sound), (same, late) = (pieces.solo(3, BY_CODE["gt"], 0, studio) for studio in (SMALL, after))
    np.testing.assert_array_equal(performance.joints, same.joints)
    assert np.abs(late[round(0.1 * SMALL.sample_rate_hz) :]).max() > 0
    assert not np.array_equal(sound, late)
