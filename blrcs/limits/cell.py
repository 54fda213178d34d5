"""What tells the cells apart that limits are counted in."""

from blrcs.domain.limit_rule import Descriptor, LimitRule


def rule_identity(rule: LimitRule) -> str:
    """What a rule's counts go by beside its numbers.

    Two rules of one name that were there at different times do not share their counts.
    """
    match = [[entry.key, entry.value] for entry in rule.match]
    return f"{rule.name}/{rule.create_time_ns}/{rule.domain}/{match}"


def cell_key(descriptor: Descriptor) -> bytes:
    """The descriptor's values; lengths keep ("a", "bc") apart from ("ab", "c")."""
    values = [entry.value.encode() for entry in descriptor]
    return b"".join([len(value).to_bytes(4, "big") + value for value in values])
