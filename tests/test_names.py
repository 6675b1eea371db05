"""DVC stops at a name that is not UTF-8 without saying which; `make repro` names it first."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from smoke import ENVIRONMENT

from pipeline.commands.file_names import unstorable


def test_names_that_are_not_utf8_are_found(tmp_path: Path) -> None:
    (tmp_path / "séance").mkdir()
    (tmp_path / "séance" / "naïve.mp4").touch()
    bad = Path(os.fsdecode(os.fsencode(tmp_path / "séance") + b"/na\xffve.mp4"))
    bad.touch()
    assert unstorable(tmp_path) == [bad]


NAMES = ["with blanks", "[takes] (live) {1}", "Übung", "it's, a=b", 'say "hi" #1']


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_path_in_quotes_of_its_own_reaches_the_parameters_as_it_is(tmp_path: Path, name: str) -> None:
    """As docs/your_videos.md says it is spelt: `-S 'corpus.root="..."'`."""
    (tmp_path / "params.yaml").write_text("corpus: {root: none}\n")
    (tmp_path / name).mkdir()
    (tmp_path / name / "a.txt").write_text("a")
    stage = {"cmd": "echo > seen", "deps": ["${corpus.root}"], "params": ["corpus.root"], "outs": ["seen"]}
    (tmp_path / "dvc.yaml").write_text(json.dumps({"stages": {"see": stage}}))
    for command in (["git", "init", "-q"], ["dvc", "init", "-q"], ["git", "add", "."], ["git", "commit", "-qm", "."]):
        subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, check=True)
    root = str(tmp_path / name).replace('"', '\\"')
    subprocess.run(
        ["dvc", "exp", "run", "-S", f'corpus.root="{root}"'],
        cwd=tmp_path,
        env=ENVIRONMENT,
        check=True,
        capture_output=True,
    )
    assert YAML(typ="safe").load(tmp_path / "params.yaml")["corpus"]["root"] == str(tmp_path / name)
    assert (tmp_path / "seen").exists()
