"""Settings for all tests: hypothesis without deadlines, since the machines are shared."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("rung", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("rung")
