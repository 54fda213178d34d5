"""What holds for the sources as a whole, beyond the contracts of import-linter."""

import ast
import importlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from buf.validate import validate_pb2
from google.api import annotations_pb2, field_behavior_pb2

from blrcs.v1 import policy_pb2

ROOT = Path(__file__).parents[2]
NATIVE = sorted(
    path
    for path in (ROOT / "_native/blrcs_native").rglob("*")
    if path.suffix in {".pxd", ".py", ".pyi", ".pyx"}
)
CYTHON = [path for path in NATIVE if path.suffix in {".pxd", ".pyx"}]
CONTRACT = sorted(path.stem for path in (ROOT / "proto/blrcs/v1").glob("*.proto"))
BUF = shutil.which("buf", path=str(Path(sys.executable).parent)) or shutil.which("buf")

# Rules of buf.validate that bound the length of a string, by themselves or by what they admit.
BOUNDS = {"const", "in", "len", "len_bytes", "max_bytes", "max_len"}
BOUNDED_FORMS = {"hostname", "ip", "ipv4", "ipv6", "ulid", "uuid"}


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield node.module


def strays(folder, *allowed):
    """Imports, below a folder of blrcs, of what is neither standard nor in the allowed packages."""
    return [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sorted((ROOT / "blrcs" / folder).rglob("*.py"))
        for name in imported(path)
        if name.split(".")[0] not in sys.stdlib_module_names
        and not any(name == package or name.startswith(f"{package}.") for package in allowed)
    ]


def test_the_domain_imports_the_standard_library_and_itself_alone():
    assert strays("domain", "blrcs.domain") == []


def test_use_cases_import_the_domain_and_themselves_alone():
    assert strays("application", "blrcs.application", "blrcs.domain") == []


def test_the_native_core_knows_nothing_of_what_stands_on_it():
    statement = re.compile(r"^\s*(?:from|c?import|include)\b.*\bblrcs\b(?!_native)", re.MULTILINE)
    assert NATIVE
    assert [path.name for path in NATIVE if statement.search(path.read_text())] == []


def test_native_sources_import_in_one_order():
    """The standard library, others, C, the core in C, the core; modules before names."""
    statement = re.compile(r"^(?:from (\S+) )?(c?import) (\S+)", re.MULTILINE)

    def place(found):
        origin, kind, name = found
        module = origin or name
        package = module.split(".")[0]
        is_own = package == "blrcs_native"
        group = 2 + is_own
        if kind == "import":
            group = 4 if is_own else package not in sys.stdlib_module_names
        return group, bool(origin), module

    orders = {path: list(map(place, statement.findall(path.read_text()))) for path in CYTHON}
    assert [path.name for path, order in orders.items() if order != sorted(order)] == []


def test_protos_are_formatted():
    assert BUF, "buf is needed: make build-test installs it"
    done = subprocess.run(
        [BUF, "format", "--diff", "--exit-code", "--path=proto", "--path=examples/orders/proto"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def files():
    return [importlib.import_module(f"blrcs.v1.{stem}_pb2").DESCRIPTOR for stem in CONTRACT]


METHODS = [
    pytest.param(method, id=f"{service.name}.{method.name}")
    for file in files()
    for service in file.services_by_name.values()
    for method in service.methods
]
REQUESTS = sorted({each.values[0].input_type.full_name for each in METHODS})
MESSAGES = {each.values[0].input_type.full_name: each.values[0].input_type for each in METHODS}


@pytest.mark.parametrize("method", METHODS)
def test_every_rpc_states_who_may_call_it(method):
    options = method.GetOptions()
    assert options.HasExtension(policy_pb2.policy)
    assert options.Extensions[policy_pb2.policy].WhichOneof("access")


@pytest.mark.parametrize("method", METHODS)
def test_every_rpc_has_an_http_mapping(method):
    assert method.GetOptions().Extensions[annotations_pb2.http].WhichOneof("pattern")


def is_bounded(rules):
    stated = {field.name for field, _ in rules.ListFields()}
    return bool(stated & (BOUNDS | BOUNDED_FORMS)) or is_bounded_pattern(rules.pattern)


def is_bounded_pattern(pattern):
    """Anchored at both ends, with nothing that repeats without end."""
    anchored = pattern.startswith("^") and pattern.endswith("$")
    bare = re.sub(r"\\.|\[(?:\\.|[^\]\\])*\]", "x", pattern)
    return anchored and not re.search(r"[*+]|\{\d+,\}", bare)


def unbounded(descriptor, above="", seen=()):
    """Strings that a message can hold and that no rule bounds, and lists that none does.

    What only the server sets (OUTPUT_ONLY) is left out: whatever a caller puts there is dropped.
    """
    for field in descriptor.fields:
        options = field.GetOptions()
        if field_behavior_pb2.OUTPUT_ONLY in options.Extensions[field_behavior_pb2.field_behavior]:
            continue
        rules = options.Extensions[validate_pb2.field]
        path = f"{above}{field.name}"
        message = field.message_type
        if field.is_repeated and not (rules.repeated.max_items or rules.map.max_pairs):
            yield f"{path}[]"
        yield from (f"{path}{part}" for part, text in texts(field, rules) if not is_bounded(text))
        if message is not None and is_own(message) and message.full_name not in seen:
            yield from unbounded(message, f"{path}.", (*seen, message.full_name))


def texts(field, rules):
    """The strings that a field itself holds: what to call each, and the rules for it."""
    if field.type == field.TYPE_STRING:
        yield "", rules.repeated.items.string if field.is_repeated else rules.string
    elif field.message_type is not None and field.message_type.GetOptions().map_entry:
        key, value = field.message_type.fields
        if key.type == key.TYPE_STRING:
            yield " (keys)", rules.map.keys.string
        if value.type == value.TYPE_STRING:
            yield " (values)", rules.map.values.string


def is_own(message):
    return not message.GetOptions().map_entry and not message.full_name.startswith("google.")


@pytest.mark.parametrize("name", REQUESTS)
def test_every_text_in_a_request_is_bounded(name):
    assert list(unbounded(MESSAGES[name])) == []


class TestBounds:
    @pytest.mark.parametrize("pattern", ["^[a-z]{1,8}$", r"^users/[^/*]{1,64}$", r"^a\+$"])
    def test_patterns_with_an_end(self, pattern):
        assert is_bounded_pattern(pattern)

    @pytest.mark.parametrize("pattern", ["[a-z]{1,8}", "^[a-z]+$", "^a*$", "^a{3,}$", ""])
    def test_patterns_without_one(self, pattern):
        assert not is_bounded_pattern(pattern)
