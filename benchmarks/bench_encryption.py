"""Sealing a field of 1 KiB and opening it again, beside the bare call of AESGCM.

The bare calls have a nonce and associated data that are the same each time, which no program could
have. Ours are what a record's write and read do for a field: a new nonce, the associated data of
the record's place and key, and the form in which it is stored.
"""

import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from harness import Claim, Loop, Report, main, measure, versions

from blrcs.domain.record_name import CollectionKey
from blrcs.encryption.data_key import DataKey
from blrcs.encryption.key_ring import KeyRing

SIZE_BYTES = 1024
MOST = 2.0
PATH = "customer.iban"


def run(rounds: int) -> Report:
    value = os.urandom(SIZE_BYTES)
    collection = CollectionKey("acme", "orders")
    record = collection.record("5f3a9c1e77d20b46")
    key = DataKey(os.urandom(32))
    ring = KeyRing(collection, key, ())
    sealed = ring.seal(record, PATH, value)
    assert ring.open(record, PATH, sealed) == value
    bare, nonce, data = AESGCM(os.urandom(32)), os.urandom(12), os.urandom(64)
    encrypted = bare.encrypt(nonce, value, data)

    def bare_encrypt(count: int) -> None:
        for _ in range(count):
            bare.encrypt(nonce, value, data)

    def bare_decrypt(count: int) -> None:
        for _ in range(count):
            bare.decrypt(nonce, encrypted, data)

    def field_encrypt(count: int) -> None:
        for _ in range(count):
            ring.seal(record, PATH, value)

    def field_decrypt(count: int) -> None:
        for _ in range(count):
            ring.open(record, PATH, sealed)

    subjects: dict[str, Loop] = {
        "AESGCM.encrypt": bare_encrypt,
        "a field sealed": field_encrypt,
        "AESGCM.decrypt": bare_decrypt,
        "a field opened": field_decrypt,
    }
    timings = measure(subjects, rounds=rounds)

    def ratio(ours: str, theirs: str) -> Claim:
        found = timings[ours].median_ns / timings[theirs].median_ns
        return Claim(f"{ours} / {theirs}, 1 KiB", found, at_most=MOST)

    claims = [ratio("a field sealed", "AESGCM.encrypt"), ratio("a field opened", "AESGCM.decrypt")]
    return Report("encryption of fields", timings, claims, versions("cryptography"))


if __name__ == "__main__":
    main(run)
