import pytest

from blrcs.domain.collection import check_paths
from blrcs.domain.errors import InvalidArgumentError

LISTS = ("indexes", "encrypted_fields", "secret_fields")
NONE = dict.fromkeys(LISTS, ())


@pytest.mark.parametrize("where", LISTS)
@pytest.mark.parametrize("path", ["data", "data.pin", "data.`unit price`"])
def test_a_path_as_filters_have_it_would_protect_nothing_and_is_refused(where, path):
    with pytest.raises(InvalidArgumentError) as caught:
        check_paths(**NONE | {where: ("name", path)})
    assert caught.value.field == f"collection.{where}[1]"


@pytest.mark.parametrize("where", LISTS)
@pytest.mark.parametrize("path", ["`data`", "`data`.pin", "database", "pin.data", "Data"])
def test_data_may_have_a_member_of_that_name(where, path):
    check_paths(**NONE | {where: (path,)})
