"""``blrcs generate`` on protos of a user's own, in a folder of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from tests.e2e.server import blrcs, environment

PROTO = """
syntax = "proto3";
package shop.v1;

import "blrcs/v1/policy.proto";
import "buf/validate/validate.proto";
import "google/api/annotations.proto";

option go_package = "example.com/shop/gen/shop/v1;shopv1";

// Sells.
service ShopService {
  rpc Buy(BuyRequest) returns (BuyResponse) {
    option (google.api.http) = {post: "/v1/shop:buy" body: "*"};
    option (blrcs.v1.policy) = {authenticated: true};
  }
}

message BuyRequest {
  string article = 1 [(buf.validate.field).string.min_len = 1];
}
message BuyResponse {}
"""

# A plugin says which files it is asked for, and with what parameter.
PLUGIN = """#!{python}
import sys
from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest, CodeGeneratorResponse

request = CodeGeneratorRequest.FromString(sys.stdin.buffer.read())
text = "\\n".join([request.parameter, *request.file_to_generate])
reply = CodeGeneratorResponse()
reply.file.add(name="{name}.txt", content=text)
sys.stdout.buffer.write(reply.SerializeToString())
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "proto/shop/v1/shop.proto", PROTO)
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def plugins(folder: Path, *names: str) -> str:
    """Puts plugins of these names in place; returns a PATH with them."""
    for name in names:
        plugin = folder / "bin" / name
        write(plugin, PLUGIN.format(python=sys.executable, name=name))
        plugin.chmod(0o755)
    return f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"


def refusal(*arguments: str | Path, cwd: Path) -> str:
    """The lines on standard error of a command that has to fail."""
    result = blrcs("generate", *arguments, cwd=cwd)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    return result.stderr


def test_messages_and_stubs_for_python_can_be_imported(folder: Path) -> None:
    result = blrcs("generate", "--python", "gen", cwd=folder)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert (folder / "gen/shop/v1/shop_pb2.pyi").exists()
    program = "from shop.v1 import shop_pb2, shop_pb2_grpc; print(shop_pb2.BuyRequest(article='x'))"
    printed = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder / "gen",
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert printed.stdout == 'article: "x"\n\n'


def test_protos_are_found_from_any_folder(folder: Path, tmp_path_factory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    result = blrcs("generate", "--root", folder / "proto", "--python", "out", cwd=elsewhere)
    assert (result.returncode, result.stderr) == (0, "")
    assert (elsewhere / "out/shop/v1/shop_pb2_grpc.py").exists()


def test_a_descriptor_set_holds_all_imports(folder: Path) -> None:
    result = blrcs("generate", "--descriptor-set", "build/shop.binpb", cwd=folder)
    assert (result.returncode, result.stderr) == (0, "")
    descriptors = FileDescriptorSet.FromString((folder / "build/shop.binpb").read_bytes())
    files = {file.name: file for file in descriptors.file}
    assert {
        "shop/v1/shop.proto",
        "blrcs/v1/policy.proto",
        "buf/validate/validate.proto",
        "google/api/annotations.proto",
        "google/protobuf/descriptor.proto",
    } <= files.keys()
    comments = [
        each.leading_comments for each in files["shop/v1/shop.proto"].source_code_info.location
    ]
    assert " Sells.\n" in comments


def test_several_outputs_are_written_at_once(folder: Path) -> None:
    path = plugins(folder, "protoc-gen-es")
    arguments = ("--python", "gen", "--descriptor-set", "all.binpb", "--output=--es_out=.")
    result = blrcs("generate", *arguments, cwd=folder, environ={"PATH": path})
    assert (result.returncode, result.stderr) == (0, "")
    assert (folder / "gen/shop/v1/shop_pb2.py").exists()
    assert (folder / "all.binpb").exists()
    assert (folder / "protoc-gen-es.txt").read_text() == "\nshop/v1/shop.proto"


def test_go_code_gets_a_package_for_every_import_that_has_none(folder: Path) -> None:
    path = plugins(folder, "protoc-gen-go", "protoc-gen-go-grpc")
    arguments = ("--go", "gen", "--go-package", "example.com/gen")
    result = blrcs("generate", *arguments, cwd=folder, environ={"PATH": path})
    assert (result.returncode, result.stderr) == (0, "")
    parameter, *files = (folder / "gen/protoc-gen-go.txt").read_text().splitlines()
    assert files == ["blrcs/v1/policy.proto", "buf/validate/validate.proto", "shop/v1/shop.proto"]
    assert parameter.split(",") == [
        "module=example.com/gen",
        "Mblrcs/v1/policy.proto=example.com/gen/blrcs/v1",
        "Mbuf/validate/validate.proto=example.com/gen/buf/validate",
        "Mshop/v1/shop.proto=example.com/gen/shop/v1",
    ]
    assert (folder / "gen/protoc-gen-go-grpc.txt").read_text().splitlines()[0] == parameter


def test_a_go_plugin_that_is_missing_is_named(folder: Path) -> None:
    arguments = ("--go", "gen", "--go-package", "x.y/gen")
    result = blrcs("generate", *arguments, cwd=folder, environ={"PATH": "/nowhere"})
    install = "go install google.golang.org/protobuf/cmd/protoc-gen-go@latest"
    assert result.stderr == f"blrcs: protoc-gen-go is not on PATH: {install}\n"
    assert result.returncode == 1
    assert not (folder / "gen").exists()


def test_go_needs_a_package(folder: Path) -> None:
    assert "--go needs --go-package" in refusal("--go", "gen", cwd=folder)


def test_the_compiler_says_where_a_proto_is_wrong(folder: Path) -> None:
    (folder / "proto/shop/v1/shop.proto").write_text(PROTO.replace("BuyResponse {}", "{}"))
    said = refusal("--python", ".", cwd=folder).splitlines()
    assert said[0].startswith("proto/shop/v1/shop.proto:22:")
    assert said[-1] == "blrcs: the proto compiler refused the sources"


def test_an_import_that_does_not_exist_is_named(folder: Path) -> None:
    write(folder / "proto/a.proto", 'syntax = "proto3"; import "no/such.proto";')
    assert "no/such.proto: File not found." in refusal("--python", ".", cwd=folder)


def test_an_unknown_option_of_a_policy_is_refused(folder: Path) -> None:
    wrong = PROTO.replace("authenticated: true", "autenticated: true")
    (folder / "proto/shop/v1/shop.proto").write_text(wrong)
    assert "autenticated" in refusal("--python", ".", cwd=folder)


def test_nothing_to_write_is_refused(folder: Path) -> None:
    assert refusal(cwd=folder).startswith("blrcs: say what to write: --python")


def test_a_folder_without_protos_is_refused(folder: Path) -> None:
    (folder / "empty").mkdir()
    said = refusal("--root", "empty", "--python", ".", cwd=folder)
    assert said == "blrcs: there is no .proto file below empty\n"


def test_a_root_that_is_missing_is_refused(tmp_path: Path) -> None:
    result = blrcs("generate", "--python", ".", cwd=tmp_path)
    assert result.returncode == 2
    assert "proto" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("option", ["--python", "--descriptor-set"])
def test_a_place_that_cannot_be_written_is_refused_in_one_line(folder: Path, option: str) -> None:
    (folder / "file").touch()
    said = refusal(option, "file/below/it", cwd=folder)
    assert said.startswith("blrcs: file/below")
    assert said.count("\n") == 1
