"""Files of configurations: a list of objects as JSON, or tables called `configs` as TOML."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rung.cli.documents import read_document
from rung.errors import ConfigError
from rung.space import Config


def read_configs(path: Path) -> list[Mapping[str, Any]]:
    """The configurations of a TOML or JSON file; raises ConfigError that names the file and the fix."""
    document = read_document(path, ConfigError)
    found = document.get("configs") if isinstance(document, dict) else document
    if not isinstance(found, list) or not all(isinstance(config, dict) for config in found):
        raise ConfigError(f'{path}: give a list of configurations, {{"configs": [{{"x": 0.5}}, ...]}}')
    return found


def as_toml(configs: Sequence[Config]) -> str:
    """The same as TOML; raises ConfigError for a value that TOML does not have."""
    tables = (
        "[[configs]]\n" + "".join(f"{_text(name)} = {_value(name, v)}\n" for name, v in config.items())
        for config in configs
    )
    return "\n".join(tables)


def _value(name: str, value: Any) -> str:
    if isinstance(value, tuple | list):
        return f"[{', '.join(_value(name, part) for part in value)}]"
    if value is None:
        raise ConfigError(f"{name}: TOML has no null; use --json")
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _text(text: str) -> str:
    return json.dumps(text)  # a basic string of TOML escapes what one of JSON does
