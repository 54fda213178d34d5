"""Migrations of a MySQL or MariaDB database."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from asyncmy.errors import MySQLError

from blrcs.database.errors import DatabaseOpenError
from blrcs.database.migrations.server import ServerRoad
from blrcs.database.migrations.starting import bring_up_to_date
from blrcs.database.mysql.connection import MysqlConnection
from blrcs.database.mysql.connector import Connector
from blrcs.database.mysql.errors import open_error
from blrcs.database.mysql.url import MysqlUrl
from blrcs.domain.errors import UnavailableError

LOCK_TIMEOUT_S = 600

_NO_SUCH_TABLE = 1146


class MysqlRoad(ServerRoad):
    """Every definition is committed by itself; killed on the way, migrations can be run again."""

    lock = f"SELECT GET_LOCK(CONCAT('blrcs.', MD5(DATABASE())), {LOCK_TIMEOUT_S})"

    def __init__(self, url: str) -> None:
        self._url = MysqlUrl.parse(url)
        self._connector = Connector(self._url, lock_timeout_s=LOCK_TIMEOUT_S)
        self.place = self._url.place
        self.dialect = urlsplit(url).scheme

    async def stored(self, tables: Sequence[str]) -> list[str | None]:
        """See MigrationRoad."""
        connection = await self._open()
        try:
            if connection.server.shortcoming is not None:
                raise DatabaseOpenError(self.place, connection.server.shortcoming)
            return [await _revision(connection, table) for table in tables]
        except (MySQLError, UnavailableError) as error:
            raise self.told(error) from None
        finally:
            connection.close()

    async def engine_url(self) -> str:
        """See ServerRoad. The two name the collation of a column each in its own way."""
        server = await self._connector.identify()
        return f"{'mariadb' if server.is_mariadb else 'mysql'}+asyncmy://"

    async def connect(self) -> Any:
        """See ServerRoad."""
        return (await self._open()).release()

    def told(self, error: BaseException) -> DatabaseOpenError:
        """See ServerRoad."""
        return open_error(self._url, error)  # type: ignore[arg-type]

    async def _open(self) -> MysqlConnection:
        try:
            return await self._connector.open()
        except (MySQLError, OSError, TimeoutError) as error:
            raise self.told(error) from None


async def migrate(url: str) -> None:
    """Migrates our own tables to the head.

    Raises:
        DatabaseOpenError: One of its subclasses.
    """
    await bring_up_to_date(MysqlRoad(url))


async def _revision(connection: MysqlConnection, table: str) -> str | None:
    try:
        rows = (await connection.execute(f"SELECT version_num FROM {table}", ())).rows  # noqa: S608
    except MySQLError as error:
        if error.args[0] == _NO_SUCH_TABLE:
            return None
        raise
    return str(rows[0][0]) if rows else None
