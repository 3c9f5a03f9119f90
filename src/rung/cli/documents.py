"""Files in TOML or JSON that a command is given."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rung.errors import Error


def read_document(path: Path, error: type[Error], option: str = "") -> Any:
    """Read a TOML or JSON file; raises `error`, which names the `option`, the file and the fix."""
    readers: dict[str, Callable[[str], Any]] = {".toml": tomllib.loads, ".json": json.loads}
    if path.suffix not in readers:
        raise error(f"{option}{path}: give a file whose name ends in {' or '.join(readers)}")
    try:
        return readers[path.suffix](path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise error(f"{option}{path}: {problem.strerror or problem}") from None
    except (ValueError, RecursionError) as problem:
        raise error(f"{path} is not {path.suffix[1:].upper()}: {problem}") from None
