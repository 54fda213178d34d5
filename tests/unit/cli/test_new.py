from pathlib import Path

import blrcs.cli
from blrcs.cli.new import TEMPLATE, render

FOLDER = Path(blrcs.cli.__file__).with_name("template")


def test_every_file_of_the_template_is_used():
    assert {f"{source}.tmpl" for source in TEMPLATE.values()} == {
        path.name for path in FOLDER.iterdir()
    }


def test_a_name_of_several_words_becomes_a_service_in_camel_case():
    files = render("my_orders")
    assert "service MyOrdersService {" in files["proto/my_orders/v1/my_orders.proto"]
    assert "class MyOrdersService(" in files["my_orders/service.py"]
    assert "/v1/my_orders/{item_id}" in files["proto/my_orders/v1/my_orders.proto"]


def test_no_placeholder_is_left():
    for path, text in render("notes").items():
        assert "{{" not in path + text
