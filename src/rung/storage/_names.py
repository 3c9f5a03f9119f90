"""Names that are safe to show, and safe in a path."""

from __future__ import annotations

import re

_USER = re.compile(r"(\w+://[^:/?#\s]*):\S*@")
_PARAMETER = re.compile(r"([?&](?:ssl)?password)=[^&\s]*", re.IGNORECASE)


def slug(study: str) -> str:
    """A study's name in at most 40 characters of `a-z0-9-`, as the readable part of its folder's name."""
    return re.sub(r"[^a-z0-9]+", "-", study.lower()).strip("-")[:40] or "study"


def without_passwords(text: str) -> str:
    """The text with the passwords of all URLs in it taken out."""
    return _PARAMETER.sub(r"\1=", _USER.sub(r"\1@", text))
