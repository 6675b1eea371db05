"""The page to listen to: it needs nothing beside it, sound and picture stay together, and nobody is shut out."""

import base64
import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from browser import browser, needs_browser
from make_media import PROFILE, tone
from playwright.sync_api import Browser, Page

from pipeline.audio import spectrogram
from pipeline.media.encoding import opus
from pipeline.report import page

SETTINGS = PROFILE.model_copy(update={"audio": PROFILE.audio.model_copy(update={"griffin_lim_iterations": 2})})
RATE_HZ, DURATION_S, FPS = SETTINGS.audio.sample_rate_hz, SETTINGS.windows.duration_s, SETTINGS.motion.fps
ODD = """<b>&"'</script><!-- {{report}}"""  # an instrument, as a folder's name may give it
REPORT = f"""# Report

Corpus: folder.

## Comparison with the paper

|  | NDB | JSD | KNN | instrument | pitch | onset F1 | NLL |
| --- | --- | --- | --- | --- | --- | --- | --- |
| MI Net | 11.6 ± 2.3 | – | – | – | – | – | – |
| {ODD} | 1 | 2 | 3 | 4 | 5 | 6 | 7 |

![Loss curves](loss_curves.png)
"""
WIDTHS = ((1280, 800), (390, 844))


def window(instrument: str, hz: float, *models: str) -> page.Window:
    """A tone, with a body whose every frame is another."""
    motion = np.random.default_rng(round(hz)).normal(size=(round(DURATION_S * FPS), 47, 2)).cumsum(0) / 20
    recorded = tone(DURATION_S, RATE_HZ, hz)
    values = spectrogram.log_spectrogram(recorded, SETTINGS.audio)[: round(DURATION_S * SETTINGS.audio.fps)]
    generated = {name: values for name in ("recorded, through the codes", *models)}
    return page.Window(instrument, f"track_{hz:g}", hz / 100, motion.astype(np.float32), recorded, values, generated)


WINDOWS = [
    window(ODD, 220, "MI Net"),
    window("violin", 440, "MI Net", "MI Net with content"),
    window("violin", 880, "MI Net", "MI Net with content"),
]
SOUNDS = 3 + 4 + 4


def write(folder: Path, windows: list[page.Window] = WINDOWS) -> Path:
    folder.mkdir(exist_ok=True)
    cv2.imwrite(str(folder / "loss_curves.png"), np.full((300, 900, 3), 90, np.uint8))
    page.write(folder / "index.html", "The corpus is made, not recorded.", REPORT, windows, SETTINGS)
    return folder / "index.html"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as opened:
        yield opened


@pytest.fixture
def shown(chromium: Browser, written: Path) -> Iterator[Page]:
    opened = chromium.new_page()
    opened.goto(written.as_uri())
    yield opened
    opened.close()


def embedded(path: Path) -> dict:
    return json.loads(re.search(r'id="data">(.*?)</script>', path.read_text(), re.DOTALL)[1])


def test_the_same_bytes_twice(written: Path, tmp_path: Path) -> None:
    """DVC's lock holds the page's hash: no time, no random identifier, no order of workers may be in it."""
    assert write(tmp_path / "again").read_bytes() == written.read_bytes()


def test_odd_names_are_text_and_nothing_else(written: Path) -> None:
    """A folder's name is the instrument's; it must not end the script, nor bring in markup."""
    text = written.read_text()
    assert text.count("</script>") == 2
    assert "<b>" not in text
    assert [item["instrument"] for item in embedded(written)["windows"]] == [ODD, "violin", "violin"]
    assert text.count("&lt;b&gt;&amp;&quot;'&lt;/script&gt;&lt;!-- {{report}}") == 1, "in the report's table"


def test_the_page_of_a_demo_run_stays_under_30_mb() -> None:
    """Noise is the hardest to code: 13 instruments, 2 windows each, 9 sounds a window, and 3 MB of figures."""
    noise = np.random.default_rng(1).normal(scale=0.2, size=round(DURATION_S * RATE_HZ)).astype(np.float32)
    values = spectrogram.log_spectrogram(noise, SETTINGS.audio)[: round(DURATION_S * SETTINGS.audio.fps)]
    sound = page._coded(values, noise, SETTINGS.audio)
    each = len(str(sound["sound"])) + len(str(sound["picture"]))
    motion = 2 * 47 * len("-1000,") * DURATION_S * FPS
    assert 13 * 2 * (9 * each + motion) + 3e6 < 30e6


@pytest.mark.parametrize("rate_hz", [16000, 22050, 48000])
def test_opus_keeps_the_length_the_place_and_the_level(rate_hz: int, tmp_path: Path) -> None:
    """What the codec adds in front is taken off again, at rates that it knows and at others."""
    sound = np.concatenate([np.zeros(rate_hz), 3 * tone(0.5, rate_hz), np.zeros(rate_hz // 2)]).astype(np.float32)
    (tmp_path / "sound.webm").write_bytes(opus(sound, rate_hz))
    with av.open(str(tmp_path / "sound.webm")) as container:
        heard = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    assert len(heard) / 48000 == pytest.approx(2, abs=0.01)
    assert np.flatnonzero(np.abs(heard) > 0.3)[0] / 48000 == pytest.approx(1, abs=0.005)
    assert 0.9 < np.abs(heard).max() < 1.4, "louder than full scale was cut off"


def test_a_picture_has_the_low_tones_at_the_bottom() -> None:
    values = np.full((250, 1024), -1, np.float32)
    values[100:, 128] = 0.5  # 1 kHz, from 1.6 s on
    content = base64.b64decode(page.picture(values, RATE_HZ).partition(",")[2])
    seen = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE).astype(float)
    assert seen.shape == (256, 250)
    row = seen[:, 150:].mean(1)
    assert abs(int(row.argmax()) - 256 * 3 / 4) <= 2
    assert seen[row.argmax(), 110:].mean() > seen[row.argmax(), :90].mean() + 100


def test_a_sound_that_is_nearly_silent_is_named() -> None:
    values = np.full((250, 1024), -1, np.float32)
    assert page._coded(values, None, SETTINGS.audio)["silent"]
    assert not page._coded(values, tone(DURATION_S), SETTINGS.audio)["silent"]


@needs_browser
def test_it_needs_nothing_and_complains_of_nothing(chromium: Browser, written: Path) -> None:
    """From disk, without a network, every control used once."""
    opened = chromium.new_page()
    said: list[str] = []
    asked: list[str] = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("request", lambda request: asked.append(request.url))
    opened.context.set_offline(True)
    opened.goto(written.as_uri())
    for control in opened.locator("button").all():
        control.click()
    opened.locator(".picture").first.click()
    opened.locator("#sort").select_option("title")
    opened.locator("#place").fill("2")
    opened.wait_for_timeout(300)
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [written.as_uri()]
    assert opened.evaluate("[...document.images].every((image) => image.naturalWidth > 0)")
    opened.close()


@needs_browser
def test_every_sound_plays_and_the_pictures_keep_step(shown: Page) -> None:
    """Playhead and skeleton are where the sound is, to within a frame of the movement; and it is this sound's window."""
    buttons = shown.locator(".tile button")
    assert buttons.count() == SOUNDS
    for number in range(SOUNDS):
        buttons.nth(number).click()
        shown.wait_for_function("audio.currentTime > 0.15")
        state = shown.evaluate(
            """() => new Promise((done) => requestAnimationFrame(() => {
                const before = audio.currentTime;
                requestAnimationFrame(() => {
                    const heads = [...document.querySelectorAll(".picture span")].filter((head) => !head.hidden);
                    done({ before, time: audio.currentTime, length: audio.duration, error: audio.error,
                           paused: audio.paused, heads: heads.length, left: parseFloat(heads[0].style.left),
                           frame: +canvas.dataset.frame,
                           tile: heads[0].closest(".tile").querySelector("button").getAttribute("aria-pressed") });
                });
            }))"""
        )
        assert state["error"] is None
        assert not state["paused"]
        assert (state["heads"], state["tile"]) == (1, "true")
        assert state["length"] == pytest.approx(DURATION_S, abs=0.05)
        # The page drew between two looks at the clock.
        assert state["before"] - 0.001 <= state["left"] / 100 * DURATION_S <= state["time"] + 0.001
        assert int(state["before"] * FPS + 0.5) <= state["frame"] <= int(state["time"] * FPS + 0.5)


@needs_browser
def test_the_skeleton_drawn_is_that_of_the_frame(shown: Page) -> None:
    """Each place in the sound has its own drawing, the same whenever one comes back to it."""

    def drawn(time_s: float) -> str:
        shown.evaluate("(time_s) => { audio.pause(); audio.currentTime = time_s; }", time_s)
        shown.wait_for_function("(frame) => +canvas.dataset.frame === frame", arg=round(time_s * FPS))
        return shown.evaluate("canvas.toDataURL()")

    shown.wait_for_function("audio.readyState > 0")
    first = drawn(1.0)
    assert drawn(1.04) != first
    assert drawn(3.0) != first
    assert drawn(1.0) == first


@needs_browser
def test_a_browser_hears_a_click_when_it_was_recorded(shown: Page) -> None:
    """The playhead is only as right as the browser's clock: its decoder must take off what the encoder put in front."""
    sound = np.zeros(2 * RATE_HZ, np.float32)
    sound[RATE_HZ : RATE_HZ + 160] = 0.9
    heard_s = shown.evaluate(
        """async (text) => {
            const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
            const heard = await new OfflineAudioContext(1, 48000, 48000).decodeAudioData(bytes.buffer);
            return heard.getChannelData(0).findIndex((value) => Math.abs(value) > 0.4) / heard.sampleRate;
        }""",
        base64.b64encode(opus(sound, RATE_HZ)).decode(),
    )
    assert heard_s == pytest.approx(1, abs=0.01)


@needs_browser
def test_filter_and_sort(shown: Page) -> None:
    def seen() -> list[str]:
        return shown.locator("#groups h3").all_text_contents()

    assert len(seen()) == 3
    assert seen()[0].startswith(ODD)
    assert shown.locator("#instrument option").all_text_contents() == ["all", ODD, "violin"]
    shown.locator("#instrument").select_option("violin")
    assert [name.split(",")[0] for name in seen()] == ["violin", "violin"]
    assert shown.locator("#count").text_content() == "8 sounds, 2 windows"
    assert (shown.locator("#now").text_content() or "").startswith("recorded: violin"), "what was chosen is gone"
    shown.locator("#title").select_option("MI Net with content")
    assert shown.locator(".tile button").all_text_contents() == ["MI Net with content"] * 2
    shown.locator("#instrument").select_option("")
    assert shown.locator("#count").text_content() == "2 sounds, 2 windows"
    shown.locator("#title").select_option("")
    shown.locator("#sort").select_option("title")
    assert seen() == ["recorded", "recorded, through the codes", "MI Net", "MI Net with content"]
    first = shown.locator(".tiles").first.locator("button").all_text_contents()
    assert [name.rsplit(", ", 2)[0] for name in first] == [ODD, "violin", "violin"]
    shown.locator("#instrument").select_option(ODD)
    shown.locator("#title").select_option("MI Net with content")
    assert shown.locator("#count").text_content() == "0 sounds, 0 windows"


@needs_browser
def test_the_keyboard_alone_is_enough(shown: Page) -> None:
    """Tab comes to every control and shows where it is; space and the arrows do what the page says."""
    controls = "a[href], button, select, input, [tabindex='0']"
    reached = []
    for _ in range(shown.locator(controls).count()):
        shown.keyboard.press("Tab")
        reached.append(
            shown.evaluate(
                """(controls) => {
                    const here = document.activeElement, style = getComputedStyle(here);
                    const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
                    return outlined ? [...document.querySelectorAll(controls)].indexOf(here) : -1;
                }""",
                controls,
            )
        )
    assert reached == list(range(len(reached)))
    shown.evaluate("document.activeElement.blur()")

    def now() -> str:
        return shown.locator("#now").text_content() or ""

    before = shown.evaluate("scrollY")
    shown.keyboard.press("Space")
    shown.wait_for_function("!audio.paused && audio.currentTime > 0.1")
    assert shown.evaluate("scrollY") == before, "space is not for scrolling here"
    shown.keyboard.press("Space")
    shown.wait_for_function("audio.paused")
    shown.keyboard.press("ArrowRight")
    assert now().startswith("recorded: violin, track_440")
    shown.keyboard.press("Tab")
    shown.keyboard.press("Tab")
    shown.keyboard.press("Space")  # on a sound of its own: that sound
    shown.wait_for_function("!audio.paused")
    assert now().startswith("MI Net: violin, track_440")
    shown.keyboard.press("ArrowRight")
    shown.wait_for_function("!audio.paused")
    assert now().startswith("MI Net: violin, track_880")
    shown.keyboard.press("ArrowRight")
    assert now().startswith("MI Net: violin, track_880"), "there is no window after the last"
    for _ in range(3):
        shown.keyboard.press("ArrowLeft")
    assert now().startswith(f"MI Net: {ODD}")
    assert shown.evaluate("document.activeElement.textContent") == "MI Net"
    shown.locator("#sort").focus()
    shown.keyboard.press("ArrowRight")
    assert now().startswith(f"MI Net: {ODD}"), "in a control the arrows are the control's"


@needs_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", WIDTHS)
def test_it_fits_the_screen(chromium: Browser, written: Path, size: tuple[int, int], scheme: str) -> None:
    """Nothing sticks out sideways, neither on a phone nor on a desk, and there is something to see in both schemes."""
    opened = chromium.new_page(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)  # type: ignore[arg-type]
    opened.goto(written.as_uri())
    assert opened.evaluate("document.documentElement.scrollWidth") <= size[0]
    seen = cv2.imdecode(np.frombuffer(opened.screenshot(full_page=True), np.uint8), cv2.IMREAD_GRAYSCALE)
    assert seen.shape[1] == size[0]
    assert seen.std() > 10
    assert (np.median(seen) > 200) == (scheme == "light")
    assert "made, not recorded" in opened.locator(".remark").first.inner_text()
    assert opened.locator(".remark").first.bounding_box()["y"] < size[1] / 2, "on the first screen"
    opened.close()


CONTRASTS = """() => {
    const parse = (text) => {
        const [red, green, blue, alpha = 1] = text.match(/[\\d.]+/g).map(Number);
        return { colour: [red, green, blue], alpha };
    };
    const luminance = ({ colour }) => colour.map((value) => value / 255)
        .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
        .reduce((sum, value, i) => sum + value * [0.2126, 0.7152, 0.0722][i], 0);
    const found = [];
    for (const element of document.querySelectorAll("body *:not(script, style, noscript, option)")) {
        const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
        if (!element.checkVisibility() || !(own || element.matches("select"))) continue;
        let below = element;
        while (below !== document.body && !parse(getComputedStyle(below).backgroundColor).alpha) below = below.parentElement;
        const both = [getComputedStyle(element).color, getComputedStyle(below).backgroundColor].map(parse);
        const [dark, bright] = both.map(luminance).sort((a, b) => a - b);
        const ratio = both.every(({ alpha }) => alpha === 1) ? (bright + 0.05) / (dark + 0.05) : 0;
        found.push({ what: element.outerHTML.slice(0, 80), ratio });
    }
    return found;
}"""


@needs_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out(chromium: Browser, written: Path, scheme: str) -> None:
    """WCAG AA: 4.5 to 1, for the chosen tile as well."""
    opened = chromium.new_page(color_scheme=scheme)  # type: ignore[arg-type]
    opened.goto(written.as_uri())
    found = opened.evaluate(CONTRASTS)
    assert len(found) > 30
    assert [item for item in found if item["ratio"] < 4.5] == []
    opened.close()


@needs_browser
def test_it_says_what_everything_is(shown: Page) -> None:
    """What Lighthouse looks for: language, title, landmarks, headings in order, names, texts for pictures."""
    assert shown.locator("html").get_attribute("lang") == "en"
    assert shown.title()
    assert "width=device-width" in (shown.locator("meta[name=viewport]").get_attribute("content") or "")
    for landmark in ("banner", "main"):
        assert shown.get_by_role(landmark).count() == 1
    for region in ("Player", "Listen", "Report"):
        assert shown.get_by_role("region", name=region, exact=True).count() == 1
    levels = shown.evaluate("[...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].map((head) => +head.tagName[1])")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    for role in ("button", "combobox", "slider", "link", "img", "group"):
        every, nameless = shown.get_by_role(role), shown.get_by_role(role, name=re.compile(r"^\s*$"))
        assert every.count() > 0
        assert nameless.count() == 0, role
    assert shown.locator("img:not([alt]), img[alt='']").count() == 0
    ids = shown.evaluate("[...document.querySelectorAll('[id]')].map((element) => element.id)")
    assert len(ids) == len(set(ids))
    assert shown.locator("th:empty").count() == 0
