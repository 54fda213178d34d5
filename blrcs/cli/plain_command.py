"""A command whose usual arguments are read without what judges all others.

What typer judges values by takes a twentieth of a second to load, which is more than some commands
run. Texts, paths, whole numbers, choices and flags that are right are taken here. Whatever else is
given, a request for help or a mistake among it, is left to typer, which says what it is about.
"""

from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

MOST_DIGITS = 15


class NotPlainError(Exception):
    """It is for typer to read."""


class PlainCommand(TyperCommand):
    """To be given as ``cls`` where a command is added."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Fills the context's parameters, and returns what is left of the arguments."""
        given, left, _ = self.make_parser(ctx).parse_args(args=list(args))
        try:
            values = {
                str(each.name): _value(each, given.pop(each.name, None)) for each in self.params
            }
        except NotPlainError:
            return super().parse_args(ctx, args)
        if left or any(each is not None for each in given.values()):
            return super().parse_args(ctx, args)
        ctx.params.update(values)
        ctx.args = left
        return left


class PlainGroup(TyperGroup):
    """To be given as ``cls`` where a group is made of such commands."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As a group does; where a command comes first, nobody has asked for the group's help."""
        self.add_help_option = not args or args[0] not in self.commands
        try:
            return super().parse_args(ctx, args)
        finally:
            self.add_help_option = True


def _value(parameter: Any, given: Any) -> Any:
    """What the command is called with."""
    if not isinstance(parameter, TyperOption | TyperArgument) or parameter.envvar is not None:
        raise NotPlainError
    if given is None and not parameter.required:
        return parameter.default
    kind = parameter.type_descriptor.annotation
    if (kind is bool and given is True) or (kind == list[str] and isinstance(given, list)):
        return given
    if not isinstance(given, str):
        raise NotPlainError
    return _plain(kind, parameter.type_descriptor.parameter_info, given)


def _plain(kind: Any, told: Any, given: str) -> Any:
    if kind is str or (get_origin(kind) is Literal and given in get_args(kind)):
        return given
    if kind is Path and not (told.exists or told.resolve_path):
        return Path(given)
    if kind is int and given.isascii() and given.isdecimal() and len(given) <= MOST_DIGITS:
        number = int(given)
        if (told.min is None or number >= told.min) and (told.max is None or number <= told.max):
            return number
    raise NotPlainError
