"""Bytes near to a message: whole ones, and such as a hostile or an unusual client sends."""

from hypothesis import strategies as st

# Fields that messages do not know, groups, fields that come twice, and varints that are too long.
STRAY = [
    b"\x7a\x00",
    b"\x98\x06\x01",
    b"\x0b\x0c",
    b"\x0d\x00\x00\x00\x00",
    b"\x0a\x01x",
    b"\x12\x00",
    b"\x08\x01",
    b"\x18\x80\x00",
    b"\x20\x02",
    b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02",
    b"\x00",
]


@st.composite
def damaged(draw, bodies):
    """One of the bodies, changed in one place."""
    body = draw(bodies)
    place = draw(st.integers(0, len(body)))
    match draw(st.sampled_from(["cut", "insert", "replace", "append", "prepend", "twice"])):
        case "cut":
            return body[:place]
        case "insert":
            return body[:place] + draw(st.binary(min_size=1, max_size=3)) + body[place:]
        case "replace":
            return body[:place] + draw(st.binary(min_size=1, max_size=1)) + body[place + 1 :]
        case "append":
            return body + draw(st.sampled_from(STRAY))
        case "prepend":
            return draw(st.sampled_from(STRAY)) + body
        case _:
            return body + body


def near(bodies):
    """The bodies as they are, or damaged."""
    return bodies | damaged(bodies)


def texts(*chosen):
    """Texts that matter, and any others."""
    return st.sampled_from(chosen) | st.text(max_size=6)
