"""Values as text that is safe on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rung._text import visible, visible_lines

__all__ = ["duration", "number", "one_line", "shown", "value_text", "visible", "visible_lines"]


def one_line(text: str) -> str:
    """The text on one line, control characters spelled out."""
    return visible(" ".join(text.split()))


def number(value: float) -> str:
    """Four digits of it."""
    return f"{value:.4g}"


def value_text(value: Any) -> str:
    """A hyperparameter's value."""
    return number(value) if isinstance(value, float) else visible(str(value))


def shown(config: Mapping[str, Any]) -> str:
    """Such as `learning_rate=0.0123 batch_size=32`."""
    return " ".join(f"{one_line(name)}={value_text(value)}" for name, value in config.items())


def duration(seconds: float) -> str:
    """Such as `12.3 s`, `3 min 21 s`, `2 h 5 min`."""
    whole = round(seconds)
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s".removesuffix(" 0 s")
    return f"{whole // 3600} h {whole % 3600 // 60} min".removesuffix(" 0 min")
