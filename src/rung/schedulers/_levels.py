"""The levels of resource at which trials are compared."""

from __future__ import annotations

from rung.errors import ArgumentError


def levels(min_resource: int, max_resource: int, eta: int) -> tuple[int, ...]:
    """Return the resources r, r eta, r eta^2, ... below the maximum R, and R itself."""
    # By multiplication: floor(log_eta(R / r)) in floating point is one too few where R is a power of eta,
    # since math.log(243, 3) is below 5.
    found = [min_resource]
    while found[-1] * eta < max_resource:
        found.append(found[-1] * eta)
    return (*[level for level in found if level < max_resource], max_resource)


def check_levels(name: str, min_resource: int, max_resource: int | None, eta: int) -> tuple[int, ...]:
    """Return `levels` of these; raise ArgumentError, naming the argument and the fix, if they make none."""
    if max_resource is None:
        raise ArgumentError(f'scheduler="{name}" needs max_resource=, the epochs of a whole trial')
    if not isinstance(eta, int) or eta < 2:
        raise ArgumentError(
            f"{name}: eta={eta!r}; give a whole number of at least 2: one trial of eta goes on"
        )
    if not isinstance(min_resource, int) or not 1 <= min_resource <= max_resource:
        raise ArgumentError(
            f"{name}: min_resource={min_resource!r}; use a whole number from 1 to max_resource={max_resource}"
        )
    return levels(min_resource, max_resource, eta)
