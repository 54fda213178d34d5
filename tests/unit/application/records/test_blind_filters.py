"""Filters on tags let pass what the same filters on values do."""

import os

from hypothesis import given
from hypothesis import strategies as st

from blrcs.application.collections.collection_shapes import CollectionShape, SealedField
from blrcs.application.records.record_sealer import RecordSealer
from blrcs.application.records.record_selection import _blinded
from blrcs.domain.collection import Collection
from blrcs.domain.filter.evaluation import matches
from blrcs.domain.filter.expression import (
    Comparison,
    Filter,
    Operator,
    Path,
    Text,
    conjunction,
    disjunction,
    negation,
)
from blrcs.domain.record_name import CollectionKey
from blrcs.encryption.data_key import DataKey
from blrcs.encryption.key_ring import KeyRing
from tests.documents import scalars, subject

KEY = CollectionKey("acme", "orders")
SHAPE = CollectionShape(
    Collection(
        key=KEY,
        encrypted_fields=("in.side", "number"),
        indexes=("in.side", "number"),
        create_time_ns=0,
        update_time_ns=0,
    ),
    None,
    (
        SealedField("in.side", ("in", "side"), is_secret=False, is_indexed=True),
        SealedField("number", ("number",), is_secret=False, is_indexed=True),
    ),
    KeyRing(KEY, DataKey(os.urandom(32)), (), os.urandom(32)),
)
SEALER = RecordSealer(shapes=None)  # type: ignore[arg-type] - it is asked for none
FIELDS = (("in", "side"), ("number",), ("plain",))

values = scalars | st.lists(scalars, max_size=2) | st.dictionaries(st.just("a"), scalars)
documents = st.fixed_dictionaries(
    {},
    optional={
        "in": st.fixed_dictionaries({}, optional={"side": values}) | scalars,
        "number": values,
        "plain": values,
    },
)


@st.composite
def cases(draw):
    """A document, and a filter that may have to do with its values."""
    document = draw(documents)
    inner = document.get("in")
    near = [
        each
        for each in (document.get("number"), inner.get("side") if isinstance(inner, dict) else None)
        if isinstance(each, str | int | float) and not isinstance(each, bool)
    ]
    operands = scalars.filter(lambda it: it is not None and not isinstance(it, bool))
    if near:
        operands = st.sampled_from(near) | operands
    compared = st.builds(
        lambda path, value: Comparison(
            Path(path), Operator.EQUAL, Text(value) if isinstance(value, str) else float(value)
        ),
        st.sampled_from(FIELDS),
        operands,
    )
    expression = st.recursive(
        compared,
        lambda it: (
            it.map(negation)
            | st.lists(it, min_size=1, max_size=3).map(conjunction)
            | st.lists(it, min_size=1, max_size=3).map(disjunction)
        ),
        max_leaves=4,
    )
    return document, draw(expression)


@given(cases())
def test_tags_stand_for_values(case):
    document, asked = case
    sealed = SEALER.seal(SHAPE, KEY.record("a"), document)
    blinded = Filter(_blinded(SHAPE, asked))
    assert matches(blinded, subject("a", sealed.kept)) == matches(
        Filter(asked), subject("a", document)
    )
    assert {each.path for each in SHAPE.sealed if each.text in (sealed.sealed or {})} == {
        path for path in FIELDS[:2] if _has(document, path)
    }


def _has(document, path):
    for key in path:
        if not isinstance(document, dict) or key not in document:
            return False
        document = document[key]
    return True
