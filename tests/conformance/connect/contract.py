"""The messages of connectrpc's conformance contract, made from its descriptors at run time.

They come from the module that the runner is built of (:mod:`tests.conformance.connect.runner`);
none of them is generated into this project.
"""

from pathlib import Path
from types import SimpleNamespace
from typing import BinaryIO

from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

PACKAGE = "connectrpc.conformance.v1"
SERVICE = f"{PACKAGE}.ConformanceService"
PREFIX_BYTES = 4


def load(descriptor_set: Path) -> SimpleNamespace:
    """The classes of the package by their short names, from a serialized FileDescriptorSet."""
    pool = descriptor_pool.Default()
    assert pool.FindFileByName(any_pb2.DESCRIPTOR.name)
    files = descriptor_pb2.FileDescriptorSet.FromString(descriptor_set.read_bytes()).file
    own = [file for file in files if file.package == PACKAGE]
    for file in own:
        pool.Add(file)
    classes = message_factory.GetMessageClassesForFiles([file.name for file in own], pool)
    return SimpleNamespace(
        **{name.removeprefix(f"{PACKAGE}."): cls for name, cls in classes.items()}
    )


def read(stream: BinaryIO, message: Message) -> None:
    """Reads a message behind its size, four bytes in network order."""
    size_bytes = int.from_bytes(stream.read(PREFIX_BYTES), "big")
    message.ParseFromString(stream.read(size_bytes))


def write(stream: BinaryIO, message: Message) -> None:
    """Writes a message behind its size."""
    body = message.SerializeToString()
    stream.write(len(body).to_bytes(PREFIX_BYTES, "big") + body)
    stream.flush()
