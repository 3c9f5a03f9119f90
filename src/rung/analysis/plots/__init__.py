"""Pictures of a study, one module per figure. Needs matplotlib, and never touches pyplot's global state."""

from __future__ import annotations

from rung.errors import Error

try:
    import matplotlib as _  # noqa: F401, ICN001 -- the one place that says what to do without it
except ImportError as error:
    raise Error("plots need matplotlib: pip install 'rung[plot]'") from error
