"""A message with secrets in every place where a message can have them."""

from google.protobuf import (
    any_pb2,
    descriptor_pb2,
    descriptor_pool,
    duration_pb2,
    message_factory,
    struct_pb2,
    wrappers_pb2,
)

from blrcs.v1 import policy_pb2

FILE = "tests/vault.proto"
PACKAGE = "tests.vault"
Field = descriptor_pb2.FieldDescriptorProto


def _file():
    file = descriptor_pb2.FileDescriptorProto(
        name=FILE,
        package=PACKAGE,
        syntax="proto3",
        dependency=[
            each.DESCRIPTOR.name for each in (any_pb2, duration_pb2, struct_pb2, wrappers_pb2)
        ],
    )
    vault = file.message_type.add(name="Vault")
    colour = vault.enum_type.add(name="Colour")
    colour.value.add(name="NONE", number=0)
    colour.value.add(name="RED", number=1)
    for name, of_value in (("TextsEntry", None), ("VaultsEntry", f".{PACKAGE}.Vault")):
        entry = vault.nested_type.add(name=name)
        entry.options.map_entry = True
        _add(entry, "key", Field.TYPE_STRING)
        kind = Field.TYPE_MESSAGE if of_value else Field.TYPE_STRING
        _add(entry, "value", kind, of_value)
    _add(vault, "open", Field.TYPE_STRING)
    _add(vault, "secret_text", Field.TYPE_STRING, is_secret=True)
    _add(vault, "secret_bytes", Field.TYPE_BYTES, is_secret=True)
    _add(vault, "secret_numbers", Field.TYPE_INT32, is_repeated=True, is_secret=True)
    _add(
        vault,
        "secret_texts",
        Field.TYPE_MESSAGE,
        ".tests.vault.Vault.TextsEntry",
        is_repeated=True,
        is_secret=True,
    )
    _add(
        vault, "secret_wrapped", Field.TYPE_MESSAGE, ".google.protobuf.StringValue", is_secret=True
    )
    _add(vault, "inner", Field.TYPE_MESSAGE, ".tests.vault.Vault")
    _add(vault, "list", Field.TYPE_MESSAGE, ".tests.vault.Vault", is_repeated=True)
    _add(vault, "vaults", Field.TYPE_MESSAGE, ".tests.vault.Vault.VaultsEntry", is_repeated=True)
    _add(vault, "any", Field.TYPE_MESSAGE, ".google.protobuf.Any")
    _add(vault, "struct", Field.TYPE_MESSAGE, ".google.protobuf.Struct")
    _add(vault, "duration", Field.TYPE_MESSAGE, ".google.protobuf.Duration")
    _add(vault, "blob", Field.TYPE_BYTES)
    _add(vault, "large", Field.TYPE_INT64)
    _add(vault, "colour", Field.TYPE_ENUM, ".tests.vault.Vault.Colour")
    _add(vault, "flag", Field.TYPE_BOOL)
    return file


def _add(message, name, kind, of_type=None, *, is_repeated=False, is_secret=False):
    field = message.field.add(
        name=name,
        number=len(message.field) + 1,
        type=kind,
        type_name=of_type,
        label=Field.LABEL_REPEATED if is_repeated else Field.LABEL_OPTIONAL,
    )
    if is_secret:
        field.options.Extensions[policy_pb2.field].secret = True


def _vault():
    pool = descriptor_pool.Default()
    try:
        descriptor = pool.FindMessageTypeByName(f"{PACKAGE}.Vault")
    except KeyError:
        pool.Add(_file())
        descriptor = pool.FindMessageTypeByName(f"{PACKAGE}.Vault")
    return message_factory.GetMessageClass(descriptor)


Vault = _vault()
