"""What a study means: winners, tables, curves."""

from __future__ import annotations

from rung.analysis.frame import to_dataframe
from rung.analysis.results import FinalReport, best_trial, incumbent, pareto_front

__all__ = ["FinalReport", "best_trial", "incumbent", "pareto_front", "to_dataframe"]
