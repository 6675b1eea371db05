"""First music: a video that nobody has seen before, the models that are there, and a page that needs nothing else."""

import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from browser import browser, needs_browser
from make_media import PROFILE, blank, tone, write_video
from playwright.sync_api import Browser, Page
from smoke import sh

from pipeline.audio import spectrogram
from pipeline.commands import demo
from pipeline.media import muxing, probing, sound_files
from pipeline.report import demo_page

DURATION_S, FPS, RATE_HZ = 4.0, PROFILE.motion.fps, PROFILE.audio.sample_rate_hz
ODD = """<b>&"'</script>{{data}}.mp4"""  # a video's name


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with two sounds: 220 Hz and 880 Hz."""
    folder = tmp_path_factory.mktemp("demo")
    bare = write_video(folder / "bare.mp4", blank(DURATION_S))
    sounds = []
    for hz in (220, 880):
        sound = tone(DURATION_S, RATE_HZ, hz)
        muxing.write_video(folder / f"{hz}.mp4", bare, sound, RATE_HZ, None, muxing.Plan("libx264", "aac"))
        values = spectrogram.log_spectrogram(sound, PROFILE.audio)
        sounds.append(demo_page.Sound(f"{hz} Hz", f"{hz}.mp4", values))
    motion = np.random.default_rng(1).normal(size=(round(DURATION_S * FPS), 47, 2)).cumsum(0) / 20
    demo_page.write(folder / "index.html", f"From {ODD}.", sounds, motion, DURATION_S, PROFILE)
    bare.unlink()
    return folder / "index.html"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as opened:
        yield opened


def shown(chromium: Browser, page: Path, said: list[str], width_px: int = 1280) -> Page:
    """The page in a browser without a network, its first picture decoded. What the browser complains of goes into said."""
    opened = chromium.new_page(viewport={"width": width_px, "height": 800})
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("requestfailed", lambda request: said.append(request.url))
    opened.context.set_offline(True)
    opened.goto(page.as_uri())
    opened.wait_for_function("video.readyState > 1")
    return opened


def test_an_odd_name_is_text_and_nothing_else(written: Path) -> None:
    text = written.read_text()
    assert text.count("</script>") == 2
    assert "<b>" not in text
    assert "{{data}}.mp4." in text


@needs_browser
def test_playhead_and_skeleton_keep_step_with_the_video(chromium: Browser, written: Path) -> None:
    said: list[str] = []
    opened = shown(chromium, written, said)
    for number in (0, 1):
        opened.locator(".tile button").nth(number).click()
        opened.wait_for_function("video.currentTime > 0.3 && !video.paused")
        state = opened.evaluate(
            """() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
                const heads = [...document.querySelectorAll(".picture span")].filter((head) => !head.hidden);
                done({ time: video.currentTime, src: video.src, heads: heads.length, left: parseFloat(heads[0].style.left),
                       frame: +canvas.dataset.frame });
            })))"""
        )
        assert state["src"].endswith(("220.mp4", "880.mp4")[number])
        assert state["heads"] == 1
        assert state["left"] / 100 * DURATION_S == pytest.approx(state["time"], abs=2 / FPS)
        assert state["frame"] / FPS == pytest.approx(state["time"], abs=2 / FPS)
    opened.locator(".picture").first.click()
    opened.wait_for_function("video.src.endsWith('220.mp4') && video.currentTime > 1.9")
    assert said == []
    opened.close()


@needs_browser
def test_each_time_has_its_own_skeleton(chromium: Browser, written: Path) -> None:
    opened = shown(chromium, written, [])

    def drawn(time_s: float) -> str:
        opened.evaluate("(time_s) => { video.currentTime = time_s; }", time_s)
        opened.wait_for_function("(frame) => +canvas.dataset.frame === frame", arg=round(time_s * FPS))
        return opened.evaluate("canvas.toDataURL()")

    assert drawn(1.0) != drawn(3.0)
    opened.close()


@needs_browser
def test_the_other_sound_goes_on_at_the_same_time(chromium: Browser, written: Path) -> None:
    """Otherwise one could not compare them."""
    opened = shown(chromium, written, [])
    opened.evaluate("video.currentTime = 2.5")
    opened.locator(".tile button").nth(1).click()
    opened.wait_for_function("video.src.endsWith('880.mp4') && video.readyState > 1")
    assert 2.4 < opened.evaluate("video.currentTime") <= DURATION_S
    opened.close()


@needs_browser
@pytest.mark.parametrize("width_px", [1280, 400])
def test_it_fits_the_screen(chromium: Browser, written: Path, width_px: int) -> None:
    said: list[str] = []
    opened = shown(chromium, written, said, width_px)
    assert opened.evaluate("document.documentElement.scrollWidth") <= width_px
    assert opened.evaluate("[...document.images].every((image) => image.naturalWidth > 0 && image.alt)")
    assert said == []
    opened.close()


def test_a_step_that_fails_ends_it_with_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(Path(__file__).parents[1] / "params.yaml", tmp_path)
    monkeypatch.setattr(sys, "argv", ["demo", "none.mp4"])
    with pytest.raises(SystemExit) as stopped:
        demo.main()
    assert str(stopped.value).startswith("error: none.mp4: no such file")


@needs_browser
def test_the_whole_demo(finished: Path, tmp_path: Path, chromium: Browser) -> None:
    """In a clone with models: for a player that the studio draws, and for a video of one's own."""
    folder = shutil.copytree(finished, tmp_path / "clone", symlinks=True)
    said: list[str] = []
    sh(folder, "python -m pipeline.commands.demo")
    for name in ("out.mp4", "drawn.mp4"):
        probe = probing.probe(folder / "demo" / name)
        assert probe.duration_s == pytest.approx(demo.DURATION_S, abs=0.2)
        with av.open(str(folder / "demo" / name)) as container:
            assert container.streams.video[0].codec_context.name == "h264"
    drawn, _ = sound_files.decode_audio(folder / "demo/drawn.mp4")
    assert np.abs(drawn).max() > 0.1
    videos = [sound["video"] for sound in embedded(folder)["sounds"]]
    assert videos == ["out.mp4", "drawn.mp4"]
    shown(chromium, folder / "demo/index.html", said).close()
    video = next((folder / "data/raw/studio").glob("*/Vid_*.mp4"))
    sh(folder, f"python -m pipeline.commands.demo {video}")
    assert [sound["video"] for sound in embedded(folder)["sounds"]] == ["out.mp4"]
    assert video.name in (folder / "demo/index.html").read_text()
    shown(chromium, folder / "demo/index.html", said).close()
    assert said == []
    assert sh(folder, "git status --porcelain") == ""


def embedded(folder: Path) -> dict:
    text = (folder / "demo/index.html").read_text()
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])
