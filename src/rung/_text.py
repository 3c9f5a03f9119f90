"""Foreign text and values as they are shown: in errors, on terminals, in figures."""

from __future__ import annotations

_LONGEST = 100


def visible(text: str) -> str:
    """The text with its control characters spelled out, so that no terminal obeys them."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def visible_lines(text: str) -> str:
    """The text with its control characters spelled out, but for its line ends."""
    return "\n".join(map(visible, text.split("\n")))


def brief(value: object, longest: int = _LONGEST) -> str:
    """The repr of whatever value, for an error message: on one line, the middle left out if it is long."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 -- a class of the user's that fails, an int of too many digits, a deep list
        text = f"<{type(value).__name__}>"
    half = longest // 2
    return visible(text if len(text) <= longest else f"{text[:half]}...{text[-half:]}")


def counted(n: int, noun: str) -> str:
    """Return "1 trial" or "2 trials"."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def is_iterable(value: object) -> bool:
    """Whether a loop can go over it: not so over an array without dimensions, which has an `__iter__`."""
    try:
        iter(value)  # type: ignore[call-overload]
    except TypeError:
        return False
    return True
