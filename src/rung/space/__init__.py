"""Configuration spaces: what can be tuned, and within which limits."""

from rung.space.choices import Categorical, Constant, Ordinal
from rung.space.conditions import Condition, Param, param
from rung.space.distributions import Distribution
from rung.space.domains import Domain
from rung.space.numeric import Float, Int
from rung.space.space import Space
from rung.space.values import Config, Value

__all__ = [
    "Categorical",
    "Condition",
    "Config",
    "Constant",
    "Distribution",
    "Domain",
    "Float",
    "Int",
    "Ordinal",
    "Param",
    "Space",
    "Value",
    "param",
]
