"""Names for studies that were given none."""

from __future__ import annotations

import secrets

_FIRST = (
    "amber brisk calm clear deft early fleet frank grand keen "
    "light lucid merry noble quiet rapid sharp steady swift vivid"
)
_SECOND = (
    "alder birch cedar crane dune elm falcon finch grove heron "
    "ibex larch lynx maple otter pine raven ridge tern wren"
)


def generated_name() -> str:
    """Such as `calm-heron-4831`."""
    return "-".join(
        [secrets.choice(_FIRST.split()), secrets.choice(_SECOND.split()), str(secrets.randbelow(9000) + 1000)]
    )
