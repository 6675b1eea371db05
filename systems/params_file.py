"""Reads the params.yaml of a system, which lies beside its code."""

from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.errors import ParamsError
from pipeline.params import Section

Chosen = TypeVar("Chosen", bound=Section)


def read(path: Path, kind: type[Chosen]) -> Chosen:
    """Read and check a parameter file.

    Raises:
        ParamsError: the first unusable parameter, in one line that names file, key, value and what is allowed.
    """
    try:
        return kind.model_validate(YAML(typ="safe").load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ParamsError(f"{path}: cannot be read ({error.strerror}); get it back with: git checkout {path}") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        raise ParamsError(f"{path}: {_line(error.errors()[0])}") from None


def _line(error: ErrorDetails) -> str:
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "missing":
        return f"{key}: missing"
    said = str(error["ctx"]["error"]) if error["type"] == "value_error" else error["msg"].lower()
    return f"{key or 'the file'} = {error['input']!r}: {said}"
