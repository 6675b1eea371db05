"""What the docs say can be done can be done: commands run, links lead somewhere, and what is named is there."""

import argparse
import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from smoke import ENVIRONMENT, OTHER_DROPOUT, OTHER_HEADS, OWN_VIDEOS, PULL, ROOT, sh

from pipeline.commands import minet

PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
PARAMS = YAML(typ="safe").load(ROOT / "params.yaml")
LANGUAGES = {"sh", "text", "yaml", "python", "markdown"}

# What `make test` does, of which these tests are a part.
OF_MAKE_TEST = {
    "ruff check .",
    "ruff format --check .",
    "mypy",
    "python -m pytest -n 2 --maxschedchunk 1",
}
# Commands that other tests run, or that run these tests.
ELSEWHERE = {
    *OF_MAKE_TEST,
    "make test",
    "make .venv/installed",
    OTHER_HEADS,
    OTHER_DROPOUT,
    OWN_VIDEOS,
    f"{OWN_VIDEOS} -S corpus.people=each",  # tests/test_look.py reads such a corpus
    f"{OWN_VIDEOS} -S training.start_from=models_before",  # tests/test_training.py starts so
    PULL,
}
# What is not here, or would take too long, and what a command is run with in its place.
STANDS_FOR = {
    "<this repository>": "{place}/origin/body-to-music.git",
    "/shared/body-to-music-data": "{place}/shared",
    "study build -o study.html": "study build -o study.html --pairs 1",
    '"seed=1,2,3"': '"degrade.windows=6,7,8"',  # 8 is the value that is there, as 1 is the seed
}
# What nothing after it hangs on, so that it need not be run again where it stands a second time.
ONCE = ("make demo", "make repro", "make profile name=smoke", "make check-corpus", "minet ")
DONE: set[str] = set()


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its lines, and why it is not run, if it is not."""

    page: Path
    language: str
    lines: tuple[str, ...]
    not_run: str | None

    @property
    def commands(self) -> list[str]:
        """Its commands, without comments."""
        if self.language != "sh":
            return []
        whole = "\n".join(self.lines).replace("\\\n", "")
        return [line for line in (re.sub(r"(^|\s)#.*", "", line).strip() for line in whole.splitlines()) if line]


def blocks(page: Path) -> Iterator[Block]:
    fence = re.compile(
        r"(?:<!-- not run: (?P<why>.+?) -->\n)?^```(?P<language>.*)\n(?P<text>(?:.*\n)*?)^```$", re.MULTILINE
    )
    for match in fence.finditer(page.read_text(encoding="utf-8")):
        yield Block(page, match["language"], tuple(match["text"].splitlines()), match["why"])


BLOCKS = [block for page in PAGES for block in blocks(page)]
RUN_HERE = [block for block in BLOCKS if not block.not_run and set(block.commands) - ELSEWHERE]


def prose(page: Path) -> str:
    """The text of a page without its blocks."""
    return re.sub(r"^```.*\n(?:.*\n)*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE)


def code(page: Path) -> list[str]:
    """What stands between backticks in a page's text."""
    return re.findall(r"`([^`\n]+)`", prose(page))


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def test_every_block_says_what_it_is() -> None:
    """A command in a block without a language would not be run, and nobody would know."""
    words = {each.split()[0] for block in BLOCKS for each in block.commands} - {"source", "cd", "export"}
    for block in BLOCKS:
        assert block.language in LANGUAGES, (name(block.page), block.lines[:1])
        assert block.language == "sh" or not block.not_run, (name(block.page), block.lines[:1])
        if block.language != "sh":
            assert not [line for line in block.lines if line.split()[:1] and line.split()[0] in words], name(block.page)


def test_what_is_not_run_needs_something_that_is_not_here() -> None:
    for block in BLOCKS:
        if block.not_run:
            assert re.match("needs .+", block.not_run), (name(block.page), block.not_run)
            assert not set(block.commands) <= ELSEWHERE, f"{name(block.page)}: {block.lines} is run after all"
    marks = sum(page.read_text(encoding="utf-8").count("<!-- not run: needs ") for page in PAGES)
    example = 1  # in CONTRIBUTING.md
    assert marks == sum(block.not_run is not None for block in BLOCKS) + example, "a mark is not right before its block"


def test_commands_run_elsewhere_are_in_the_docs() -> None:
    assert {each for block in BLOCKS if not block.not_run for each in block.commands} >= ELSEWHERE


def test_make_test_runs_what_the_docs_say() -> None:
    planned = subprocess.run(
        ["make", "--dry-run", "test"], cwd=ROOT, capture_output=True, text=True
    ).stdout.splitlines()
    assert set(planned) >= OF_MAKE_TEST
    assert "make test" in (ROOT / ".ci" / "run").read_text().splitlines()


def workplace(finished: Path, place: Path) -> Path:
    """A copy of the finished clone, with all that the docs take for granted: .venv, a git and a DVC remote, videos."""
    folder = place / "clone"
    shutil.copytree(finished, folder, symlinks=True)
    (folder / ".venv").mkdir()
    for path in Path(sys.prefix).iterdir():
        (folder / ".venv" / path.name).symlink_to(path)
    (folder / ".venv" / "installed").unlink(missing_ok=True)
    (folder / ".venv" / "installed").touch()
    (place / "home").mkdir()
    (folder / "data/raw/urmp").mkdir()
    (folder / "data/raw/urmp/AuMix.wav").write_bytes(b"sound")
    videos = sorted((folder / "data/raw/studio").glob("*/Vid_*.mp4"))
    for target, players in (("my_video", 1), ("duet", 2)):
        video = next(video for video in videos if len(list(video.parent.glob("AuSep_*"))) == players)
        shutil.copy(video, folder / f"{target}.mp4")
        shutil.copy(next(video.parent.glob("Sco_*.mid")), folder / "score.mid")
    sh(folder, f"git init -q --bare {place}/origin/body-to-music.git")
    sh(folder, f"git remote add origin {place}/origin/body-to-music.git && git push -q origin HEAD")
    sh(folder, f"dvc remote add -q --default first {place}/first && git commit -qam remote")
    return folder


@pytest.mark.parametrize("page", sorted({block.page for block in RUN_HERE}), ids=name)
def test_the_commands_of_a_page_run(finished: Path, tmp_path: Path, page: Path) -> None:
    """Line by line, in the order in which they stand. Parameters are as they were at the start of each block."""
    folder = workplace(finished, tmp_path)
    # `minet` is to find the models of the clone, and nothing is to be written into anybody's home.
    environment = ENVIRONMENT | {"PYTHONPATH": str(folder), "HOME": str(tmp_path / "home")}
    for block in RUN_HERE:
        if block.page != page:
            continue
        sh(folder, "git reset -q --hard")
        for documented in block.commands:
            if documented in ELSEWHERE or documented in DONE:
                continue
            if documented.startswith(ONCE):
                DONE.add(documented)
            line = documented
            for text, instead in STANDS_FOR.items():
                line = line.replace(text, instead.format(place=tmp_path))
            begin = time.monotonic()
            sh(tmp_path if line.startswith("git clone") else folder, line, environment)
            if line == "dvc queue start":
                wait_for_the_queue(folder, environment)
            print(f"{time.monotonic() - begin:6.1f} s  {documented}")


def wait_for_the_queue(folder: Path, environment: dict[str, str]) -> None:
    deadline, stopped = time.monotonic() + 600, 0
    while re.search("Queued|Running", status := sh(folder, "dvc queue status", environment)):
        assert "Failed" not in status and time.monotonic() < deadline, status
        # DVC's worker may take a late answer for an empty queue, and stop. The page says what to do then.
        stopped = stopped + 1 if "0 active, 0 idle" in status else 0
        if stopped == 5:
            sh(folder, "dvc queue start", environment)
        time.sleep(2)
    assert "Success" in status, status


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.+)$", prose(page), flags=re.MULTILINE):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        found.add(slug if slug not in found else f"{slug}-1")
    return found


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match("https?://", target):
            continue
        file, _, anchor = target.partition("#")
        path = (page.parent / file).resolve() if file else page
        assert path.exists() and path.is_relative_to(ROOT), f"{name(page)}: {target}"
        if anchor:
            assert anchor in anchors(path), f"{name(page)}: {target}"


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    for page in PAGES[2:]:
        assert page.name == "README.md" or f"]({page.name})" in index, page.name


def held(path: str) -> bool:
    """Whether params.yaml has a parameter."""
    tree: Any = PARAMS
    for part in path.split("."):
        if not isinstance(tree, dict) or part not in tree:
            return False
        tree = tree[part]
    return True


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_parameters_that_are_named_exist(page: Path) -> None:
    for span in code(page):
        match = re.fullmatch(r"([a-z_]+(?:\.[a-z_0-9]+)+)(?:[:=].*)?", span)
        if match and match[1].split(".")[0] in PARAMS and not match[1].endswith((".py", ".parquet")):
            assert held(match[1]), f"{name(page)}: {span}"
    for plus, parameter in re.findall(r"-S ['\"]?(\+?)([a-z_][\w.]*)=", page.read_text(encoding="utf-8")):
        assert held(parameter.rpartition(".")[0] if plus else parameter) or "." not in parameter, (
            f"{name(page)}: {parameter}"
        )


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_profiles_modules_and_files_that_are_named_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for profile in re.findall(r"make profile name=(\w+)", text):
        assert (ROOT / "profiles" / f"{profile}.yaml").exists(), f"{name(page)}: {profile}"
    for module in re.findall(r"-m ((?:benchmarks|stages|pipeline)\.\w+(?:\.\w+)*)", text):
        assert importlib.util.find_spec(module), f"{name(page)}: {module}"
    for path in code(page):
        if re.fullmatch(r"(\.github|benchmarks|docs|pipeline|profiles|stages|tests)/[\w./]*", path):
            assert (ROOT / path).exists(), f"{name(page)}: {path}"


def leaves(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The sub-commands of a command, at any depth, that have none themselves."""
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not groups:
        yield parser
    for group in groups:
        for each in group.choices.values():
            yield from leaves(each)


MINET = minet.parser()


@pytest.mark.parametrize("parser", [MINET, *leaves(MINET)], ids=lambda parser: parser.prog)
def test_help_ends_in_an_example_that_can_be_typed(parser: argparse.ArgumentParser) -> None:
    help_command = [sys.executable, "-m", "pipeline.commands.minet", *parser.prog.split()[1:], "--help"]
    done = subprocess.run(help_command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "example: minet " in " ".join(done.stdout.split())
    example = (parser.epilog or "").partition("example: ")[2].splitlines()[0]
    assert example.startswith(parser.prog)
    MINET.parse_args(shlex.split(example)[1:])


@pytest.mark.parametrize("parser", list(leaves(MINET)), ids=lambda parser: parser.prog)
def test_every_command_of_minet_is_in_the_docs(parser: argparse.ArgumentParser) -> None:
    assert any(each.startswith(f"{parser.prog} ") for block in BLOCKS for each in block.commands)


def test_the_shell_completes_minet() -> None:
    script = f"""
        source <({sys.executable} -m pipeline.commands.minet --print-completion bash)
        COMP_WORDS=(minet so); COMP_CWORD=1; COMP_LINE="minet so"; COMP_POINT=8
        "$(complete -p minet | sed -E 's/.*-F ([^ ]+).*/\\1/')" minet so minet
        echo "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.split() == ["sonify"], done.stderr


def test_the_workflow_runs_the_tests_on_push_and_pull_request() -> None:
    workflow = YAML(typ="safe").load(ROOT / ".github" / "workflows" / "test.yml")
    assert {"push", "pull_request"} <= set(workflow["on"])
    (job,) = workflow["jobs"].values()
    assert job["runs-on"] == "ubuntu-latest"
    assert job["timeout-minutes"] > 0
    assert "make test" in [step.get("run") for step in job["steps"]]
    versions = [step["with"]["python-version"] for step in job["steps"] if "python-version" in step.get("with", {})]
    assert versions == ["3.11"], "a number would be read as 3.1 if it were 3.10"
