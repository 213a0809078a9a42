"""What a vector is: a named case that makes a file, with the rules it covers and the reason it exists."""

from dataclasses import dataclass

TIERS = ("valid", "invalid", "unsupported", "limit")


@dataclass
class Case:
    id: str
    tier: str
    rules: tuple
    reason: str
    make: object  # called without arguments; gives the bytes
    status: str = "OK"


ALL = []


def valid(id, rules, reason):
    """Decorates a function that returns a Build (or finished bytes) which every decoder must decode."""
    return _register(id, "valid", rules, reason, "OK")


def refused(id, status, rules, reason):
    """Decorates a function that returns bytes (or a spoilt Image) which every decoder must refuse with `status`."""
    tier = {"LIMIT": "limit", "FEATURE": "unsupported", "VERSION": "unsupported"}.get(status, "invalid")
    return _register(id, tier, rules, reason, status)


def _register(id, tier, rules, reason, status):
    def add(function):
        def make():
            made = function()
            if hasattr(made, "image"):
                made = made.image()
            return made.finish() if hasattr(made, "finish") else bytes(made)

        assert all(case.id != id for case in ALL), id
        ALL.append(Case(id, tier, tuple(rules.split()), reason, make, status))
        return function

    return add
