"""Gathers the settings from all their sources."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from blrcs.config.flags import read_flags
from blrcs.config.layer import Layer, merge, origin_of
from blrcs.config.option import all_options
from blrcs.config.problem import ConfigError, Problem
from blrcs.config.refusal import problems_of
from blrcs.config.settings import ENVIRONMENTS, Settings
from blrcs.config.toml_file import MAIN_FILE, directory_problems, environment_file, read_toml_file
from blrcs.config.variable_names import DIRECTORY_VARIABLE, FILE_VARIABLE
from blrcs.config.variables import read_variables


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Valid settings, and how they came about.

    Attributes:
        settings: The values in effect.
        layers: What each source said, lowest first.
        files: The configuration files that count, whether they exist or not.
    """

    settings: Settings
    layers: tuple[Layer, ...]
    files: tuple[Path, ...]

    @property
    def provenance(self) -> Mapping[str, str]:
        """By option: ``file:line``, a variable's name, ``flag`` or ``default``."""
        return {
            key: origin_of(option.path, self.layers) or "default"
            for key, option in all_options().items()
        }


def load_settings(
    *,
    config_directory: Path | None = None,
    config_file: Path | None = None,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, object] | None = None,
) -> LoadedSettings:
    """Reads every source, merges them and validates the whole.

    Lowest first: defaults; ``blrcs.toml`` and then ``blrcs.{environment}.toml``, where they exist,
    or instead of both ``config_file``, which must exist; ``BLRCS_…`` variables; flags. Reads files
    anew at each call and keeps nothing.

    Args:
        config_directory: Where the two files lie. By default ``BLRCS_CONFIG_DIR``, or else the
            working directory.
        config_file: Read instead of them. By default ``BLRCS_CONFIG``, unless a directory is given.
        environ: The variables; by default the process's.
        flags: Values by key, such as ``{"server.port": 50051}``. None counts as not given.

    Raises:
        ConfigError: Something is wrong; it tells all that was found.
    """
    environ = os.environ if environ is None else environ
    upper = (read_variables(environ), read_flags(flags or {}))
    lower = _read_files(config_directory, config_file, environ, upper)
    layers = (*lower, *upper)
    problems = [problem for layer in layers for problem in layer.problems]
    if any(layer.problems for layer in lower):
        # Half of the values would be missing, and validation speak of things that are not so.
        raise ConfigError(problems)
    try:
        settings = Settings(**merge(layers))
    except ValidationError as error:
        raise ConfigError(problems + problems_of(error, layers)) from None
    if problems:
        raise ConfigError(problems)
    return LoadedSettings(settings, layers, tuple(Path(layer.name) for layer in lower))


def _read_files(
    directory: Path | None, file: Path | None, environ: Mapping[str, str], upper: tuple[Layer, ...]
) -> tuple[Layer, ...]:
    if file is None and directory is None and environ.get(FILE_VARIABLE):
        file = Path(environ[FILE_VARIABLE])
    if file is not None:
        return (read_toml_file(file, must_exist=True),)
    directory = directory or Path(environ.get(DIRECTORY_VARIABLE) or ".")
    if problems := directory_problems(directory):
        return (Layer(str(directory), problems=problems),)
    main = read_toml_file(directory / MAIN_FILE, must_exist=False)
    environment = merge((main, *upper)).get("environment", ENVIRONMENTS[0])
    if environment not in ENVIRONMENTS:
        return (main,)
    own = read_toml_file(directory / environment_file(environment), must_exist=False)
    if "environment" in own.values:
        reason = "picks this file, so it is set elsewhere"
        problem = Problem(own.origin(("environment",)), "environment", reason)
        return main, Layer(own.name, problems=(problem,))
    return main, own
