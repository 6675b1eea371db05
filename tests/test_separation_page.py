"""The page of the separation: it needs nothing beside it, and each player can be muted while the others play on."""

import re
from pathlib import Path

import cv2
import numpy as np
from browser import browser, needs_browser
from make_media import PROFILE, tone

from pipeline.report import separation_page
from pipeline.report.separation_page import Piece

AUDIO = PROFILE.audio
ODD = """<b>&"'</script><!-- {{report}}"""  # an instrument, as a folder's name may give it
REPORT = "# Report\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\n![Masks](masks.png)\n"


def write(folder: Path) -> Path:
    sounds = np.stack([tone(2.0, hz=hz, level=0.3) for hz in (220, 440, 880)])
    faces = np.random.default_rng(0).integers(0, 255, (2, 64, 64, 3), np.uint8)
    kinds = {"taken apart": sounds, "as it was played": sounds[:2]}
    pieces = [Piece(f"Duo {number}", ["violin 1", ODD], faces, kinds) for number in (1, 2)]
    cv2.imwrite(str(folder / "masks.png"), np.full((30, 90, 3), 90, np.uint8))
    separation_page.write(folder / "index.html", "Taken apart by watching.", REPORT, pieces, AUDIO)
    return folder / "index.html"


def test_it_needs_no_other_file(tmp_path: Path) -> None:
    text = write(tmp_path).read_text()
    assert not re.findall(r'(?:src|href)="(?!data:|#)[^"]+"', text)
    assert "{{" not in text.replace("{{report}}", "")
    assert text.count("<h1>") == 1 and "<h2>Report</h2>" in text


@needs_browser
def test_players_are_muted_while_the_others_play(tmp_path: Path) -> None:
    with browser() as chromium:
        page, failed = chromium.new_page(), []
        page.on("pageerror", lambda error: failed.append(str(error)))
        page.goto(write(tmp_path).as_uri())
        assert page.locator("#voices li").count() == 3  # two players and the rest
        page.click("#toggle")
        page.wait_for_function("playing.length === 3 && offset > 0.1")
        page.locator("#voices button").nth(1).click()
        assert page.evaluate("playing.map(({ gain }) => gain.gain.value)") == [1, 0, 1]
        assert page.locator("#voices button").nth(1).get_attribute("aria-pressed") == "false"
        page.select_option("#kind", "1")
        assert page.locator("#voices li").count() == 2
        assert page.locator("#toggle").inner_text() == "Play"
        page.click("#toggle")
        page.wait_for_function("playing.length === 2 && offset > 0.1")
        assert page.evaluate("playing.map(({ gain }) => gain.gain.value)") == [1, 0]  # still muted
        page.wait_for_function("playing.length === 0 && offset >= 2")
        assert not failed
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
