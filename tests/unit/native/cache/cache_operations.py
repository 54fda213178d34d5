"""Every operation of a cache on one key, as parameters of tests."""

import pytest

OPERATIONS = {
    "get": lambda cache, key: cache.get(key),
    "get_entry": lambda cache, key: cache.get_entry(key),
    "peek": lambda cache, key: cache.peek(key),
    "contains": lambda cache, key: key in cache,
    "set": lambda cache, key: cache.set(key, "new"),
    "add": lambda cache, key: cache.add(key, "new"),
    "replace": lambda cache, key: cache.replace(key, "new"),
    "compare_and_set": lambda cache, key: cache.compare_and_set(key, "new", 1),
    "pop": lambda cache, key: cache.pop(key),
    "delete": lambda cache, key: cache.delete(key),
    "touch": lambda cache, key: cache.touch(key),
}
any_operation = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
