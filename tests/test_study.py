"""The listening study: who answers by ear or by coin is scored so, and what does not count is named and left out."""

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pandas as pd
import pytest
import soundfile
from browser import browser, needs_browser
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from make_media import REPO, tone, workplace, write_video, write_wav
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pretty_midi import Note
from scipy import stats
from torch import nn

from pipeline import params
from pipeline.commands import minet
from pipeline.corpus import reading
from pipeline.corpus.track import read_tracks, write_tracks
from pipeline.dataset.shards import ShardWriter
from pipeline.keypoints.people_finder import finder
from pipeline.media import encoding, picture_files, probing, sound_files
from pipeline.metrics import proportion
from pipeline.models.vqvae import VQVAE
from pipeline.notes.events import Code
from pipeline.study import build, protocol, score
from pipeline.training import weights

Choose = Callable[
    [str, str], int
]  # pair, question → the system whose side is chosen, by its number; of two, 1 is the generated one
INSTRUMENTS, PAIRS, CHECKS = ("flute", "tuba", "viola", "violin"), 3, 3
QUESTIONS = list(protocol.STUDIES["real"].questions)
PLAYED_MS = 60_000  # a busy machine takes seconds to play a clip of half a second


def clip(number: int) -> bytes:
    """Half a second of a tone of its own."""
    pictures = [np.full((16, 16, 3), 40 * shade, np.uint8) for shade in range(5)]
    return encoding.webm(pictures, 10, tone(0.5, hz=200 + 10 * number), 16000)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the page and the key of a small study."""
    folder = tmp_path_factory.mktemp("study")
    names = [name for name in INSTRUMENTS for _ in range(PAIRS)] + ["horn"] * CHECKS
    items = [
        build.Item(name, f"track_{i}", 0.5, (clip(2 * i), clip(2 * i + 1)), i >= len(names) - CHECKS)
        for i, name in enumerate(names)
    ]
    build.write(folder / "study.html", items, ["recorded", "mi_net_sync"], "real")
    return folder


@pytest.fixture(scope="module")
def key(place: Path) -> score.Key:
    return score.read_key(place / "study.key.json")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as opened:
        yield opened


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser in which nobody has answered yet."""
    fresh = chromium.new_context()
    yield fresh
    fresh.close()


def coin(seed: int) -> Choose:
    generator = np.random.default_rng(seed)
    return lambda pair, question: bool(generator.integers(2))


def perfect(pair: str, question: str) -> bool:
    return False


def opened(context: BrowserContext, place: Path) -> Page:
    page = context.new_page()
    page.goto((place / "study.html").as_uri())
    return page


def begin(page: Page, participant: str) -> None:
    """Name, and the headphones check with every tone right."""
    page.fill("#name", participant)
    page.keyboard.press("Enter")
    for _ in range(protocol.TRIALS):
        page.evaluate("""() => {
            document.getElementById("sound").dispatchEvent(new Event("ended"));
            const quiet = tones(state.headphones.attempt, state.headphones.answers.length)[0];
            document.querySelector(`input[name=quietest][value="${quiet}"]`).click();
            document.getElementById("heard").click();
        }""")


def sides_of(key: score.Key, participant: str, choose: Choose) -> list[dict[str, str]]:
    """For each pair in the participant's order: question → side. Attention is paid: noise is never taken for music."""
    sides = []
    for pair, *clips in protocol.order(key.study, participant, key.pairs):
        chosen = {
            question: key.pairs[pair][0 if pair in key.checks else choose(pair, question)]
            for question in key.kind.questions
        }
        sides.append({question: protocol.SIDES[clips.index(clip)] for question, clip in chosen.items()})
    return sides


def answer(page: Page, key: score.Key, choose: Choose, pairs: int | None = None) -> None:
    """Answer the next pairs, all that are left or so many."""
    page.evaluate(
        """([all, pairs]) => {
        for (const given of all.slice(state.answers.length).slice(0, pairs)) {
            for (const side of study.sides) document.getElementById(`video-${side}`).dispatchEvent(new Event("ended"));
            for (const name in given) document.querySelector(`input[name=${name}][value=${given[name]}]`).click();
            document.getElementById("next").click();
        }
    }""",
        [sides_of(key, page.evaluate("state.participant"), choose), len(key.pairs) if pairs is None else pairs],
    )


def save(page: Page, folder: Path, button: str = "#save") -> Path:
    with page.expect_download() as download:
        page.click(button)
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def record(
    key: score.Key, participant: str, choose: Choose, finished: str = "2026-01-02T10:30:00.000Z"
) -> dict[str, Any]:
    """What the page saves for a participant, without the page."""
    pairs = protocol.order(key.study, participant, key.pairs)
    answers = [
        {"pair": pair} | dict(zip(protocol.SIDES, clips, strict=False)) | sides
        for (pair, *clips), sides in zip(pairs, sides_of(key, participant, choose), strict=True)
    ]
    quiet = [protocol.tones(key.study, participant, 1, trial)[0] for trial in range(protocol.TRIALS)]
    return {
        "format": protocol.ANSWERS,
        "study": key.study,
        "participant": participant,
        "started": "2026-01-02T10:00:00.000Z",
        "finished": finished,
        "headphones": {"attempt": 1, "answers": quiet},
        "answers": answers,
    }


def sealed(tree: dict[str, Any]) -> dict[str, Any]:
    return tree | {"checksum": protocol.checksum(tree)}


def written(path: Path, tree: Any) -> Path:
    path.write_text(json.dumps(tree), encoding="utf-8")
    return path


# The page


@pytest.mark.slow
@needs_browser
def test_twenty_participants(chromium: Browser, place: Path, key: score.Key, tmp_path: Path) -> None:
    """Ten who toss a coin and ten with perfect ears, through the page, to the metric."""
    files: dict[str, list[Path]] = {"coin": [], "ears": []}
    for number in range(10):
        for kind, choose in (("coin", coin(number)), ("ears", perfect)):
            context = chromium.new_context()
            page = opened(context, place)
            begin(page, f"{kind} {number}")
            answer(page, key, choose)
            files[kind].append(save(page, tmp_path))
            context.close()
    results = {}
    for kind, paths in files.items():
        folder = tmp_path / kind
        folder.mkdir()
        score.score(paths, place / "study.key.json", folder)
        results[kind] = json.loads((folder / "study.json").read_text())
        assert (results[kind]["participants"], results[kind]["left_out"]) == (10, 0)
        table = pd.read_csv(folder / "study.csv")
        assert len(table) == len(QUESTIONS) * (1 + len(INSTRUMENTS))
        assert set(table[table.instrument != "all"].answers) == {10 * PAIRS}
        assert set(table[table.instrument == "all"].answers) == {10 * PAIRS * len(INSTRUMENTS)}
    for question in QUESTIONS:
        tossed, heard = results["coin"][question], results["ears"][question]
        assert tossed["low"] < 0.5 < tossed["high"] and 0.35 < tossed["share"] < 0.65
        assert heard["share"] == heard["low"] == 0 and 0 < heard["high"] < 0.06


@needs_browser
def test_a_page_that_is_closed_half_way_resumes(
    context: BrowserContext, place: Path, key: score.Key, tmp_path: Path
) -> None:
    page = opened(context, place)
    begin(page, "7")
    answer(page, key, perfect, pairs=8)
    half = save(page, tmp_path, "#stop")
    with pytest.raises(score.Refused, match=r"half-finished: 8 of 15 pairs"):
        score.read(half, key)
    page.close()
    page = opened(context, place)
    assert page.inner_text("#where") == f"7: 8 of {len(key.pairs)} pairs are answered."
    page.click("#resume")
    assert page.inner_text("#number") == f"Pair 9 of {len(key.pairs)}"
    answer(page, key, perfect)
    whole = save(page, tmp_path)
    assert [one.file for one in score.read_all([whole], key)[0]] == [str(whole)]


@needs_browser
def test_the_page_writes_what_the_scoring_expects(
    context: BrowserContext, place: Path, key: score.Key, tmp_path: Path
) -> None:
    """Order, sides, tones and checksum are computed twice, in two languages; a name may be in any script."""
    name = "Zoë 音楽 🎻"
    page = opened(context, place)
    begin(page, name)
    answer(page, key, coin(3))
    saved = json.loads(save(page, tmp_path).read_text(encoding="utf-8"))
    expected = sealed(record(key, name, coin(3)) | {time: saved[time] for time in ("started", "finished")})
    assert saved == expected
    for text in ("", "a" * 55, "a" * 56, "é" * 64, "x" * 1000):
        assert page.evaluate("(text) => digest(text)", text) == protocol.digest(text)


@needs_browser
def test_by_keyboard_alone_with_clips_that_play(context: BrowserContext, place: Path) -> None:
    """And nothing goes on before both were heard and all was answered."""
    page = opened(context, place)
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("requestfailed", lambda request: faults.append(request.url))
    begin(page, "1")

    def press(*keys: str) -> None:
        for name in keys:
            page.keyboard.press(name)

    def complaint() -> str:
        return page.inner_text("#pair .alarm")

    assert page.locator("#pair input:checked").count() == 0
    page.click("#next")
    assert complaint() == "Play A and B to the end first."
    page.evaluate("pair()")  # as it was shown first, with the focus on its heading
    press("Tab", "Enter")
    expect(page.locator("#play-a")).to_have_text("✓ Play A again", timeout=PLAYED_MS)
    press("Tab", "Enter")
    expect(page.locator("#play-b")).to_have_text("✓ Play B again", timeout=PLAYED_MS)
    for _ in QUESTIONS[:-1]:
        press("Tab", "Space")
    press("Tab", "Tab", "Enter")
    assert complaint() == f"Not answered yet: {protocol.STUDIES['real'].questions['overall']}"
    press("ArrowRight", "Tab", "Enter")  # the focus was put where the answer was missing
    given = page.evaluate("state.answers[0]")
    assert [given[question] for question in QUESTIONS] == ["a", "a", "a", "a", "b"]
    assert not faults


@needs_browser
def test_who_hears_no_headphones_is_asked_again(context: BrowserContext, place: Path, key: score.Key) -> None:
    page = opened(context, place)
    page.fill("#name", "2")
    page.keyboard.press("Enter")
    page.click("#heard")
    assert "Play the tones" in page.inner_text("#headphones .alarm")
    for trial in range(protocol.TRIALS):
        page.evaluate("document.getElementById('sound').dispatchEvent(new Event('ended'))")
        quiet, opposite = protocol.tones(key.study, "2", 1, trial)
        page.check(f"input[name=quietest][value='{quiet if trial < protocol.ENOUGH - 1 else opposite}']")
        page.click("#heard")
    assert page.inner_text("#headphones .alarm").startswith("4 of 6 were right.")
    assert page.evaluate("state.headphones") == {"attempt": 2, "answers": []}


@pytest.mark.slow
@needs_browser
def test_the_tones(context: BrowserContext, place: Path, tmp_path: Path) -> None:
    """One is 6 dB quieter, another in opposite phase: loudspeakers would make that one the quietest."""
    page = opened(context, place)
    path = tmp_path / "tones.wav"
    path.write_bytes(bytes(page.evaluate("Array.from(new Uint8Array(tonesFile(1, 2)))")))
    sound, rate_hz = soundfile.read(path)
    first, quiet, opposite = (sound[round(start * rate_hz) :][:rate_hz] for start in (0, 1.5, 3))
    assert np.abs(quiet).max() == pytest.approx(np.abs(first).max() / 2, rel=1e-3)
    assert np.abs(first.mean(axis=1)).max() == pytest.approx(np.abs(first).max())
    assert np.abs(opposite).max() == np.abs(first).max() and np.abs(opposite.mean(axis=1)).max() == 0


CONTRASTS = """() => {
    const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const light = (colour) => channels(colour).slice(0, 3).map((c) => c / 255)
        .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const behind = (element) => {
        const colour = getComputedStyle(element).backgroundColor;
        return channels(colour)[3] === 0 ? behind(element.parentElement) : colour;
    };
    return [...document.querySelectorAll("main *")]
        .filter((element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim()))
        .map((element) => {
            const [dark, bright] = [light(getComputedStyle(element).color), light(behind(element))].sort((a, b) => a - b);
            return [element.textContent.trim(), (bright + 0.05) / (dark + 0.05)];
        });
}"""


@needs_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_on_a_phone(chromium: Browser, place: Path, scheme: Any) -> None:
    """Contrast AA everywhere, and nothing wider than the screen."""
    context = chromium.new_context(viewport={"width": 360, "height": 740}, color_scheme=scheme)
    page = opened(context, place)
    begin(page, "3")
    page.click("#next")
    low = [(text, ratio) for text, ratio in page.evaluate(CONTRASTS) if ratio < 4.5]
    assert not low
    for section in ("start", "back", "headphones", "pair", "end", "cannot"):
        page.evaluate("(name) => show(name)", section)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, section
    context.close()


def test_the_page_does_not_say_which_is_real(place: Path, key: score.Key) -> None:
    """No name of a track or model, no key, both clips of one size, ids in the order of their digits."""
    text = (place / "study.html").read_text()
    content = json.loads(re.search(r'id="content">(.*?)</script>', text)[1])  # type: ignore[index]
    assert "track_" not in text and "mi_net" not in text
    assert list(content["pairs"]) == sorted(content["pairs"]) == sorted(key.pairs)
    sides = []
    for pair, one in content["pairs"].items():
        assert set(one) == {"instrument", "clips"}
        assert list(one["clips"]) == sorted(one["clips"])
        sizes = {len(base64.b64decode(clip)) for clip in one["clips"].values()}
        assert len(sizes) == 1
        sides.append(list(one["clips"]).index(key.pairs[pair][0]))
    assert set(sides) == {0, 1}
    shown = [protocol.order(key.study, str(name), key.pairs) for name in range(200)]
    left = np.mean([a == key.pairs[pair][0] for one in shown for pair, a, _ in one])
    assert 0.45 < left < 0.55
    assert len({one[0][0] for one in shown}) == len(key.pairs), "every pair comes first for somebody"


# Foley Music's questions, of three models

MODELS = ["foley_timed", "mi_net_sync", "mi_net"]


@pytest.fixture(scope="module")
def foley(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the page and the key of a small study of three models."""
    folder = tmp_path_factory.mktemp("foley")
    names = [name for name in INSTRUMENTS[:2] for _ in range(2)] + ["horn"]
    items = [
        build.Item(name, f"track_{i}", 0.5, tuple(clip(3 * i + side) for side in range(3)), i == len(names) - 1)
        for i, name in enumerate(names)
    ]
    build.write(folder / "study.html", items, MODELS, "foley")
    return folder


@pytest.fixture(scope="module")
def foley_key(foley: Path) -> score.Key:
    return score.read_key(foley / "study.key.json")


def prefers(pair: str, question: str) -> int:
    """The second is in time, the first is best in all else."""
    return int(question == "synchronisation")


@needs_browser
def test_three_models_through_the_page_to_the_metric(
    context: BrowserContext, foley: Path, foley_key: score.Key, tmp_path: Path
) -> None:
    """Every side must be played and every question answered; what the page writes is what the scoring expects."""
    page = opened(context, foley)
    assert page.title() == "Which music is the best?"
    assert "shown 3 times, as A, B and C." in page.inner_text("#start")
    assert "real recording" not in page.inner_text("#start")
    assert "There are 5 sets." in page.inner_text("#start")
    begin(page, "1")
    assert page.inner_text("#number") == "Set 1 of 5"
    page.click("#next")
    assert page.inner_text("#pair .alarm") == "Play A, B and C to the end first."
    page.evaluate("for (const side of 'ab') document.getElementById(`video-${side}`).dispatchEvent(new Event('ended'))")
    page.click("#next")
    assert page.inner_text("#pair .alarm") == "Play C to the end first."
    page.evaluate("pair()")
    answer(page, foley_key, prefers)
    file = save(page, tmp_path)
    saved = json.loads(file.read_text(encoding="utf-8"))
    expected = sealed(record(foley_key, "1", prefers) | {time: saved[time] for time in ("started", "finished")})
    assert saved == expected
    others = [written(tmp_path / f"{n}.json", sealed(record(foley_key, str(n), prefers))) for n in range(2, 5)]
    said = score.score([file, *others], foley / "study.key.json", tmp_path)
    metrics = json.loads((tmp_path / "study_foley.json").read_text())
    assert (metrics["participants"], metrics["left_out"]) == (4, 0)
    shares = {
        model: {question: metrics[model][question]["share"] for question in foley_key.kind.questions}
        for model in MODELS
    }
    assert shares == {
        "foley_timed": {"correctness": 1, "noise": 1, "synchronisation": 0, "overall": 1},
        "mi_net_sync": {"correctness": 0, "noise": 0, "synchronisation": 1, "overall": 0},
        "mi_net": dict.fromkeys(foley_key.kind.questions, 0),
    }
    assert "By guessing it is 33.3 %" in said
    assert not (tmp_path / "study.json").exists(), "the other study's figures stay"
    table = pd.read_csv(tmp_path / "study_foley.csv")
    assert len(table) == len(MODELS) * 4 * (1 + 2)
    assert (table.groupby(["question", "instrument"]).share.sum() == 1).all()


@needs_browser
def test_a_song_stops_when_another_begins(context: BrowserContext, foley: Path) -> None:
    page = opened(context, foley)
    begin(page, "2")
    for side in "ac":
        page.evaluate("(side) => { document.getElementById(`video-${side}`).loop = true; }", side)
        page.click(f"#play-{side}")
        expect(page.locator(f"#play-{side}")).to_have_text(f"Stop {side.upper()}", timeout=PLAYED_MS)
    expect(page.locator("#play-a")).to_have_text("Play A")


@needs_browser
@pytest.mark.parametrize("width", [360, 1000])
def test_three_sides_fit_the_screen(chromium: Browser, foley: Path, width: int) -> None:
    """Nothing wider than a phone's; side by side on a larger one."""
    context = chromium.new_context(viewport={"width": width, "height": 740})
    page = opened(context, foley)
    begin(page, "3")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    tops = [page.locator(f"#video-{side}").bounding_box()["y"] for side in "abc"]  # type: ignore[index]
    assert len({round(top) for top in tops}) == (2 if width == 360 else 1)
    context.close()


def test_who_takes_noise_for_music_does_not_count(foley_key: score.Key, tmp_path: Path) -> None:
    """In a check only the first has no noise, so the other two are both wrong."""
    (check,) = foley_key.checks
    for side in (1, 2):
        tree = record(foley_key, "1", prefers)
        (one,) = (given for given in tree["answers"] if given["pair"] == check)
        one["noise"] = next(name for name in "abc" if one[name] == foley_key.pairs[check][side])
        with pytest.raises(score.Refused, match="attention checks failed: 1 of 1"):
            score.read(written(tmp_path / "1.json", sealed(tree)), foley_key)


def test_each_side_is_each_models_for_somebody(foley_key: score.Key) -> None:
    """No model is at one side oftener than at another, and no order is."""
    orders = [
        tuple(foley_key.pairs[pair].index(clip) for clip in clips)
        for name in range(300)
        for pair, *clips in protocol.order(foley_key.study, str(name), foley_key.pairs)
    ]
    assert len(set(orders)) == 6
    assert min(orders.count(each) for each in set(orders)) > 0.8 * len(orders) / 6


# Making it


def flashing(home: Path, code: str, at_s: float) -> None:
    """A player in URMP's layout, 4 s: a white picture and a click at one time, on grey and over a soft tone."""
    pictures = [(i / 25, np.full((64, 96, 3), 250 if i == round(at_s * 25) else 60, np.uint8)) for i in range(100)]
    write_video(home / f"Vid_{home.name}_{code}.mp4", pictures)
    write_wav(home / f"AuSep_1_{code}_{home.name}.wav", click_at(at_s))


def click_at(at_s: float) -> np.ndarray:
    sound = tone(4, level=0.2)
    sound[round(at_s * 16000) :][:160] = 0.9
    return sound


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run leaves: two test tracks of a violin, one of a flute, and one to train on."""
    folder = tmp_path_factory.mktemp("run")
    pieces = {"01_A": "vn", "02_B": "vn", "03_C": "fl", "04_D": "fl"}
    for piece, code in pieces.items():
        flashing(folder / "corpus" / piece, code, 2.0)
    workplace(
        folder,
        corpus={"root": str(folder / "corpus")},
        audio={"n_fft": 256},
        windows={"duration_s": 1},
        vqvae={"channels": 8, "code_dim": 4, "codes": 16},
    )
    chosen = params.load(folder / "params.yaml").variants.vqvae["vqvae"]
    sizes = {"bins": 128, **chosen.model_dump(exclude={"training", "codebook_after"})}
    weights.save(folder / "models/vqvae", VQVAE(**sizes), weights.Config("vqvae", "fp32", sizes))
    tracks = [f"{piece}_1_{code}" for piece, code in pieces.items()]
    parts = ["test", "test", "test", "train"]
    (folder / "data").mkdir()
    write_tracks(folder / "data/tracks.parquet", reading.read(params.load(folder / "params.yaml").corpus, finder)[0])
    pd.DataFrame({"track": tracks, "part": parts}).to_parquet(folder / "data/splits.parquet")
    generator = np.random.default_rng(1)
    with ShardWriter(folder / "samples/mi_net_sync") as writer:
        for number, (track, start) in enumerate((track, start) for track in tracks[:3] for start in range(0, 180, 20)):
            codes = generator.integers(16, size=62).astype(np.int16)
            writer.add(f"sample_{number:05d}", {"codes": codes}, repeat=0, source=track, source_start=start)
    return folder


def streams(clip: bytes, folder: Path) -> tuple[list[bytes], np.ndarray, Path]:
    """A clip's picture packets, its sound at 16 kHz, and its file."""
    path = folder / f"{protocol.clip_id(clip)}.webm"
    path.write_bytes(clip)
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(container.streams.video[0]) if packet.size]
    return packets, sound_files.read_audio(path, 16000), path


@pytest.mark.slow
def test_a_study_of_a_run(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same bytes twice; both sides of a pair differ in nothing but the sound; no check gives a test track away."""
    monkeypatch.chdir(run)
    settings = params.load()
    assert build.build(tmp_path / "study.html", ["recorded", "mi_net_sync"], "real", settings, 2) == (4, 1)
    monkeypatch.setattr(build.parallel, "each", lambda function, calls, backend: [function(*call) for call in calls])
    assert build.build(tmp_path / "again.html", ["recorded", "mi_net_sync"], "real", settings, 2) == (4, 1)
    for end in ("html", "key.json"):
        assert (tmp_path / f"study.{end}").read_bytes() == (tmp_path / f"again.{end}").read_bytes()
    tree = json.loads((tmp_path / "study.key.json").read_text())["pairs"]
    sources = sorted((one["source"], one["check"]) for one in tree.values())
    assert sources == [
        ("01_A_1_vn", False),
        ("02_B_1_vn", False),
        ("03_C_1_fl", False),
        ("03_C_1_fl", False),
        ("04_D_1_fl", True),
    ]
    text = (tmp_path / "study.html").read_text()
    content = json.loads(re.search(r'id="content">(.*?)</script>', text)[1])  # type: ignore[index]
    for pair, one in tree.items():
        clips = {name: base64.b64decode(clip) for name, clip in content["pairs"][pair]["clips"].items()}
        assert all(protocol.clip_id(clip) == name for name, clip in clips.items())
        real, other = (streams(clips[name], tmp_path) for name in one["clips"])
        assert len({len(clips[name]) for name in one["clips"]}) == 1
        assert real[0] == other[0], "the same picture, to the byte"
        assert len(real[1]) == len(other[1])
        recorded = click_at(2.0)[round(one["start_s"] * 16000) :][: len(real[1])]
        likeness = [np.corrcoef(recorded, sound[: len(recorded)])[0, 1] for _, sound, _ in (real, other)]
        assert likeness[0] > 0.9 and abs(likeness[1]) < 0.3, likeness


@pytest.mark.slow
def test_a_study_of_models_that_write_sound_and_notes(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And of the recording: the same windows of each, the same picture, and each its own sound; notes are at their times."""
    monkeypatch.chdir(run)
    settings, code = params.load(), Code(True, 8, 24)
    config = weights.Config("event_transformer", "fp32", {"code": asdict(code)})
    weights.save(run / "models/foley_timed", nn.Linear(1, 1), config)
    index = pd.read_parquet(run / "samples/mi_net_sync/index.parquet")
    with ShardWriter(tmp_path / "samples/foley_timed") as writer:
        for row in index.iloc[1:].itertuples():
            tokens = code.encode([Note(100, 69, 0.5, 0.9)], 1.0)
            writer.add(row.track, {"tokens": tokens}, source=row.source, source_start=row.source_start)
    (tmp_path / "samples/mi_net_sync").symlink_to(run / "samples/mi_net_sync")
    monkeypatch.setattr(build, "SAMPLES", tmp_path / "samples")
    monkeypatch.setattr(build.parallel, "each", lambda function, calls, backend: [function(*call) for call in calls])
    systems = ["recorded", "mi_net_sync", "foley_timed"]
    assert build.build(tmp_path / "study.html", systems, "foley", settings, 2) == (4, 1)
    key = score.read_key(tmp_path / "study.key.json")
    assert key.systems == tuple(systems)
    tree = json.loads((tmp_path / "study.key.json").read_text())["pairs"]
    content = json.loads(re.search(r'id="content">(.*?)</script>', (tmp_path / "study.html").read_text())[1])  # type: ignore[index]
    for pair, one in tree.items():
        clips = {name: base64.b64decode(clip) for name, clip in content["pairs"][pair]["clips"].items()}
        recorded, made, played = (streams(clips[name], tmp_path) for name in key.pairs[pair])
        assert recorded[0] == made[0] == played[0], "the same picture, to the byte"
        assert len(recorded[1]) == len(made[1]) == len(played[1])
        true = click_at(2.0)[round(one["start_s"] * 16000) :][: len(recorded[1])]
        assert np.corrcoef(true, recorded[1][: len(true)])[0, 1] > 0.9
        if not one["check"]:
            loud = np.abs(played[1]) > 0.1 * np.abs(played[1]).max()
            assert np.flatnonzero(loud)[0] / 16000 == pytest.approx(0.5, abs=0.06)


def test_sound_and_picture_of_a_clip_are_in_step(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flash and a click that were recorded together lie together, wherever the window starts."""
    monkeypatch.chdir(run)
    settings = params.load()
    track = next(track for track in read_tracks() if track.name == "03_C_1_fl")
    for start_s in (1.104, 1.5, 1.76):
        clip = build.item(track, start_s, 62, [None], True, settings).clips[0]
        _, sound, path = streams(clip, tmp_path)
        bright = [time_s for time_s, picture in picture_files.frames(path) if picture.mean() > 150]
        click_s = float(np.abs(sound).argmax() / 16000)
        assert len(bright) == 1
        assert bright[0] == pytest.approx(2.0 - start_s, abs=0.021), "half a picture"
        assert click_s == pytest.approx(2.0 - start_s, abs=0.012)


def test_both_sides_are_equally_loud_and_silence_stays() -> None:
    soft, loud = tone(2, level=0.003), np.random.default_rng(1).normal(size=32000).astype(np.float32)
    levels = [build.loudness_lufs(sound, 16000) for sound in build.alike([soft, loud], 16000)]
    assert levels == pytest.approx([build.LOUDNESS_LUFS] * 2, abs=0.1)
    click = np.zeros(32000, np.float32)
    click[9000:9100] = 0.5
    sounds = build.alike([tone(2), click], 16000)  # so short that it would be cut off at that loudness: both are softer
    assert max(np.abs(sound).max() for sound in sounds) == pytest.approx(build.PEAK)
    assert [build.loudness_lufs(sound, 16000) for sound in sounds] == pytest.approx(
        [build.loudness_lufs(sounds[0], 16000)] * 2, abs=0.1
    )
    assert not build.alike([tone(2), np.zeros(32000, np.float32)], 16000)[1].any()
    assert build.loudness_lufs(tone(2, hz=1000, level=0.1), 16000) == pytest.approx(-23.0, abs=0.1), "BS.1770's sine"


def test_windows_are_spread() -> None:
    places = [("x", start) for start in range(0, 101, 10)] + [("y", 5)]
    ordered = list(build.spread(places, np.random.default_rng(1)))
    assert sorted(ordered) == sorted(places)
    assert {source for source, _ in ordered[:2]} == {"x", "y"}
    starts = [start for source, start in ordered if source == "x"]
    assert {0, 100} & {starts[1]} and len(set(starts[:3])) == 3 and np.diff(sorted(starts[:3])).min() >= 20


def test_what_build_says_when_it_cannot(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, and what to do."""

    def said(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["minet", "study", *arguments])
        with pytest.raises(SystemExit) as stopped:
            minet.main()
        assert "\n" not in str(stopped.value)
        return str(stopped.value)

    monkeypatch.chdir(run)
    assert "there is no folder" in said("build", "-o", "nowhere/study.html")
    assert "--pairs 0: must be 1 or more" in said("build", "-o", "study.html", "--pairs", "0")
    assert "samples/no: nothing there; make it with: dvc repro" in said("build", "-o", "study.html", "--model", "no")
    of_models = ("build", "-o", "study.html", "--questions", "foley")
    assert "--models: two to six models are compared" in said(*of_models)
    assert "none with itself" in said(*of_models, "--models", "mi_net_sync", "mi_net_sync")
    assert "--model: with --questions foley" in said(*of_models, "--model", "a", "--models", "a", "b")
    assert "samples/no: nothing there" in said(*of_models, "--models", "mi_net_sync", "no")
    assert "--models: only with --questions foley" in said("build", "-o", "study.html", "--models", "a", "b")
    assert "key.json: cannot be read" in said("score", "x.json", "--key", "key.json")
    monkeypatch.chdir(tmp_path)
    assert "params.yaml: no such file" in said("build", "-o", "study.html")


# Scoring it


def test_what_does_not_count_is_listed(place: Path, key: score.Key, tmp_path: Path) -> None:
    """Every file is either counted or named with its reason, in what is printed and in the metric."""
    files = [written(tmp_path / f"{number}.json", sealed(record(key, str(number), perfect))) for number in range(3)]
    late = record(key, " 1 ", perfect, finished="2026-03-01T00:00:00.000Z")
    half = record(key, "half", perfect)
    half |= {"answers": half["answers"][:5], "finished": None}
    deaf = record(key, "deaf", perfect)
    deaf["headphones"]["answers"] = [(tone + 1) % 3 for tone in deaf["headphones"]["answers"]]
    asleep = record(key, "asleep", perfect)
    for one in asleep["answers"]:
        one |= dict.fromkeys(QUESTIONS, "a")
    edited = sealed(record(key, "edited", perfect))
    edited["answers"][0]["overall"] = "a" if edited["answers"][0]["overall"] == "b" else "b"
    renamed = sealed(record(key, "renamed", perfect) | {"participant": "other"})
    bad = {
        "late": (sealed(late), "participant ' 1 ' is already counted"),
        "half": (sealed(half), "half-finished: 5 of 15 pairs"),
        "deaf": (sealed(deaf), "headphones check failed: 0 of 6"),
        "asleep": (sealed(asleep), "attention checks failed: "),
        "edited": (edited, "changed after the page saved it"),
        "renamed": (renamed, "not in this participant's order"),
        "foreign": (sealed(record(key, "foreign", perfect) | {"study": "0" * 32}), "another study"),
        "key": (json.loads((place / "study.key.json").read_text()), "no answers of a listening study"),
    }
    for name, (tree, _) in bad.items():
        files.append(written(tmp_path / f"{name}.json", tree))
    torn = tmp_path / "torn.json"
    torn.write_bytes(files[0].read_bytes()[:-20])
    files += [torn, tmp_path / "missing.json", tmp_path]
    text = score.score(files, place / "study.key.json", tmp_path)
    metrics = json.loads((tmp_path / "study.json").read_text())
    assert (metrics["participants"], metrics["left_out"]) == (3, len(bad) + 3)
    listed = {line.split(" | ")[0].strip("| "): line for line in text.split("## Left out")[1].splitlines()}
    for name, (_, reason) in bad.items():
        assert reason in listed[str(tmp_path / f"{name}.json")]
    assert "not JSON, or cut off" in listed[str(torn)]
    assert "cannot be read" in listed[str(tmp_path / "missing.json")] and "cannot be read" in listed[str(tmp_path)]


def test_nothing_that_counts(place: Path, key: score.Key, tmp_path: Path) -> None:
    """No figure is made of nothing, and the metric of before stays as it is."""
    path = written(tmp_path / "x.json", {})
    with pytest.raises(score.NothingLeft, match="no answers of a listening study"):
        score.score([path], place / "study.key.json", tmp_path)
    assert not (tmp_path / "study.json").exists()


@pytest.mark.parametrize(
    "change", [lambda tree: tree["pairs"].popitem(), lambda tree: tree.pop("study"), lambda tree: tree.update(pairs=3)]
)
def test_a_key_that_is_none(place: Path, tmp_path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    tree = json.loads((place / "study.key.json").read_text())
    change(tree)
    with pytest.raises(score.ParamsError, match=r"key\.json: "):
        score.read_key(written(tmp_path / "key.json", tree))


def test_one_participant_has_no_interval(place: Path, key: score.Key, tmp_path: Path) -> None:
    path = written(tmp_path / "1.json", sealed(record(key, "1", perfect)))
    text = score.score([path], place / "study.key.json", tmp_path)
    assert "One participant gives no interval." in text
    assert "1 participant, 12 pairs" in text
    assert json.loads((tmp_path / "study.json").read_text())["real"] == {"share": 0, "low": None, "high": None}


def test_shares_are_of_their_instrument_and_question(place: Path, key: score.Key, tmp_path: Path) -> None:
    """Fooled by violins alone, in one question alone."""

    def choose(pair: str, question: str) -> bool:
        return key.instruments[pair] == "violin" and question == "synchronisation"

    paths = [written(tmp_path / f"{name}.json", sealed(record(key, name, choose))) for name in "ab"]
    score.score(paths, place / "study.key.json", tmp_path)
    table = pd.read_csv(tmp_path / "study.csv").set_index(["question", "instrument"]).share
    assert table["synchronisation", "violin"] == 1 and table["synchronisation", "all"] == 0.25
    assert table.drop([("synchronisation", "violin"), ("synchronisation", "all")]).eq(0).all()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places_in(tree: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if at:
        yield at
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for name, value in pairs:
        yield from places_in(value, (*at, name))


def holder(tree: Any, at: tuple[Any, ...]) -> Any:
    for name in at[:-1]:
        tree = tree[name]
    return tree


quick = hypothesis_settings(
    deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)


def judged(path: Path, key: score.Key) -> str | None:
    """The reason for which a file is left out, in one line; None if it counts. Anything but Refused fails the test."""
    counted, aside = score.read_all([path], key)
    assert len(counted) + len(aside) == 1
    if counted:
        return None
    reason = f"{aside[0].what}; {aside[0].advice}"
    assert reason.strip() and "\n" not in reason
    return reason


@quick
@given(data=st.data())
def test_any_change_has_one_clear_reason(data: st.DataObject, key: score.Key, tmp_path: Path) -> None:
    """Whatever is changed, taken away or repeated, the file is refused; with the checksum made to fit, it is refused or counts."""
    tree = sealed(record(key, "p", coin(1)))
    at = data.draw(st.sampled_from(list(places_in(tree))))
    inner, name = holder(tree, at), at[-1]
    before = json.dumps(tree)
    kind = data.draw(st.sampled_from(["replace", "remove", "repeat", "swap"]))
    if kind == "replace":
        inner[name] = data.draw(json_values)
    elif kind == "remove":
        del inner[name]
    elif isinstance(inner, list):
        other = data.draw(st.integers(0, len(inner) - 1))
        if kind == "repeat":
            inner.insert(other, inner[name])
        else:
            inner[name], inner[other] = inner[other], inner[name]
    path = tmp_path / "answers.json"
    path.write_text(json.dumps(tree), encoding="utf-8")
    if json.dumps(tree) != before:
        assert judged(path, key) is not None
    path.write_text(json.dumps(sealed(json.loads(json.dumps(tree, ensure_ascii=True)))), encoding="utf-8")
    judged(path, key)


@quick
@given(data=st.data())
def test_any_damage_has_one_clear_reason(data: st.DataObject, key: score.Key, tmp_path: Path) -> None:
    """Bytes that are cut off, overwritten or put in."""
    content = json.dumps(sealed(record(key, "p", coin(1)))).encode()
    start = data.draw(st.integers(0, len(content) - 1))
    put, taken = data.draw(st.binary(max_size=8)), data.draw(st.integers(1, len(content)))
    damaged = content[:start] + put + content[start + taken :]
    path = tmp_path / "answers.json"
    path.write_bytes(damaged)
    try:
        same = json.loads(damaged) == json.loads(content)
    except (ValueError, UnicodeDecodeError):
        same = False
    assert (judged(path, key) is None) == same


def test_json_that_is_too_deep_or_too_long(key: score.Key, tmp_path: Path) -> None:
    for content in ("[" * 100_000, '{"format": ' * 2000, "9" * 10_000, '{"a": ' * 900 + "1" + "}" * 900):
        path = tmp_path / "answers.json"
        path.write_text(content)
        assert judged(path, key)


def test_dvc_metrics_show_prints_it() -> None:
    """A fresh clone has no study yet: it says so, without a warning."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["dvc", "metrics", "show"], cwd=REPO, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and "failed" not in done.stderr
    assert "metrics/study.json" in done.stdout and "participants" in done.stdout


# The interval


def test_the_interval_is_wilsons_where_answers_are_independent() -> None:
    """One answer each of very many people."""
    chosen = np.repeat([1, 0], [1200, 4800])
    expected = stats.binomtest(1200, 6000).proportion_ci(0.95, method="wilson")
    found = proportion.interval(chosen, np.ones(6000, int), 0.95)
    assert found == pytest.approx((expected.low, expected.high), rel=1e-3)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """People differ: each has a share of their own, around 0.3. Counting answers as independent would be far too sure."""
    generator = np.random.default_rng(1)
    held = naive = 0
    for _ in range(500):
        chosen = generator.binomial(39, generator.beta(3, 7, size=12))
        low, high = proportion.interval(chosen, np.full(12, 39), 0.95)
        held += low <= 0.3 <= high
        plain = stats.binomtest(int(chosen.sum()), 12 * 39).proportion_ci(0.95, method="wilson")
        naive += plain.low <= 0.3 <= plain.high
    assert 0.92 <= held / 500 <= 0.98
    assert naive / 500 < 0.75


@pytest.mark.parametrize(
    ("chosen", "asked"), [([1], [2]), ([1, 3], [2, 2]), ([1, -1], [2, 2]), ([0, 0], [0, 2]), ([0.5, 1], [2, 2])]
)
def test_the_interval_refuses_what_it_cannot_use(chosen: list[float], asked: list[int]) -> None:
    with pytest.raises(ValueError, match=r"participant|count"):
        proportion.interval(np.array(chosen), np.array(asked), 0.95)


def test_webm_plays_at_its_rate(tmp_path: Path) -> None:
    """Frame rates of real cameras, sounds at rates that Opus does not know."""
    path = tmp_path / "x.webm"
    pictures = [np.full((32, 32, 3), 90, np.uint8)] * 60
    path.write_bytes(encoding.webm(pictures, 29.97, tone(2, 22050), 22050))
    times = picture_files.times(path)
    assert len(times) == 60 and times[-1] == pytest.approx(float(59 / Fraction(2997, 100)), abs=0.002)
    assert abs(probing.probe(path).duration_s - 2) < 0.05
    sound = sound_files.read_audio(path, 16000)
    assert np.abs(np.fft.rfft(sound[8000:24000])).argmax() == pytest.approx(440, abs=1)
