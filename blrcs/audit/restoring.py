"""Puts the chains of a backup beside those of a server, which go on without them.

Nobody writes to a chain that was restored: the server that wrote it had gone on behind the backup,
and another record in such a place would be a second history. Instead a signed record of a chain of
this server's names the restored ones, where each of them ends, and the keys they were verified by.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from blrcs.audit.backup import Cut, copy_chain, cut_of, write_file
from blrcs.audit.chain import Chain
from blrcs.audit.checkpoint import RESTORED, PublicAuditKeys
from blrcs.audit.key_history import KeyHistory
from blrcs.audit.own_keys import add_handovers
from blrcs.audit.segments import DIRECTORY_MODE, FOLDER, RESTORED_MARK, chains_in, is_restored
from blrcs.audit.tail import Tail, read_tail
from blrcs.audit.verification import Verification
from blrcs.files import sync_directory


class RestoreError(Exception):
    """Nothing was restored. Its text is one line for a terminal."""


def restore(
    backup: Path,
    directory: Path,
    keys: PublicAuditKeys,
    *,
    given: Path | None = None,
    **options: Any,
) -> Mapping[str, int]:
    """The chains of a backup are below the directory then; the last record of each.

    Servers may write chains there meanwhile. Whoever is killed has the next one go on.

    Args:
        backup: As ``back_up`` made it.
        directory: Where the chains of this server lie.
        keys: Whose signatures count.
        given: What errors name in its place, where it was unpacked from a file.
        options: As Chain.take has them.

    Raises:
        RestoreError: The backup is not as it was written, or a chain of it is there already.
        OSError: A file cannot be read or written.
    """
    source, named = backup / FOLDER, given or backup
    if not source.is_dir():
        raise RestoreError(f"{named}: is no backup of an audit log")
    findings = Verification(source, keys).run().findings
    if findings:
        raise RestoreError(f"{named}: {findings[0]}")
    directory.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
    tails = {each.name: read_tail(each) for each in chains_in(source)}
    for name, tail in tails.items():
        _require_room(directory / name, tail)
    for name, tail in tails.items():
        if not (directory / name).exists():
            _put(source / name, directory / name, tail)
    add_handovers(directory, source)
    if not _is_told(tails, directory, keys, options["signer"].anchors()):
        _tell(tails, directory, keys, **options)
    return {name: tail.seq for name, tail in tails.items()}


def _is_told(
    tails: Mapping[str, Tail], directory: Path, keys: PublicAuditKeys, own: PublicAuditKeys
) -> bool:
    """Whether a signed record tells of all of them already, and of the keys."""
    known = KeyHistory.of(directory).restored(own)
    return all(
        (told := known.get(name)) is not None
        and (told.seq, told.hash) == (tail.seq, tail.hash)
        and all(jwk["kid"] in told.anchors for jwk in keys.jwks())
        for name, tail in tails.items()
    )


def _tell(
    tails: Mapping[str, Tail], directory: Path, keys: PublicAuditKeys, **options: Any
) -> None:
    chain = Chain.take(directory, **options)
    try:
        chain.append_signed({"kind": RESTORED, "chains": _places(tails), "keys": keys.jwks()})
    finally:
        chain.close()


def _require_room(folder: Path, tail: Tail) -> None:
    if not folder.exists():
        return
    if is_restored(folder) and _end(folder) == (tail.seq, tail.hash):
        return
    raise RestoreError(
        f"{folder}: is there already, and what is restored would be another history of it"
    )


def _end(folder: Path) -> tuple[int, str]:
    tail = read_tail(folder)
    return tail.seq, tail.hash


def _put(source: Path, target: Path, tail: Tail) -> None:
    draft = target.with_name(f".{target.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    copy_chain(source, draft, cut_of(source) or Cut(tail.seq, b"", {}))
    if not is_restored(draft):
        write_file(draft / RESTORED_MARK, b"")
        sync_directory(draft)
    draft.rename(target)
    sync_directory(target.parent)


def _places(tails: Mapping[str, Tail]) -> dict[str, dict[str, Any]]:
    return {name: {"seq": tail.seq, "hash": tail.hash} for name, tail in tails.items()}
