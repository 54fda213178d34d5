import pytest

from blrcs.domain.token_limits import TokenBinding, covers


@pytest.mark.parametrize(
    ("patterns", "pattern", "covered"),
    [
        (["orders.*"], "orders.*", True),
        (["orders.*"], "orders.items.*", True),
        (["orders.*"], "*", False),
        (["orders.read"], "orders.*", False),
        (["orders.read"], "orders.read", True),
        (["*"], "*", True),
        (["*"], "orders.*", True),
    ],
)
def test_a_scope_covers_what_is_no_wider(patterns, pattern, covered):
    assert covers(patterns, pattern) is covered


@pytest.mark.parametrize("kind", ["certificate", "proof"])
def test_a_binding_is_stored_as_text(kind):
    binding = TokenBinding(kind, "AbC-_")
    assert TokenBinding.from_text(binding.text) == binding
