"""`python -m rung`: the command line."""

from __future__ import annotations

from rung.cli.main import main

main()
