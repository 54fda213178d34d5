"""Brings a MySQL or MariaDB database to this version's schema."""

from asyncmy.errors import MySQLError

from blrcs.database.errors import DatabaseOpenError
from blrcs.database.migrations.server import MigrationRoad, migrate_server
from blrcs.database.mysql.connector import Connector
from blrcs.database.mysql.errors import open_error
from blrcs.database.mysql.url import MysqlUrl

LOCK_TIMEOUT_S = 600
LOCK = f"SELECT GET_LOCK(CONCAT('blrcs.', MD5(DATABASE())), {LOCK_TIMEOUT_S})"


async def migrate(url: str) -> None:
    """Migrates to the head. Every definition is committed by itself; killed, it can be run again.

    Raises:
        DatabaseOpenError: One of its subclasses.
    """
    parsed = MysqlUrl.parse(url)
    connector = Connector(parsed, lock_timeout_s=LOCK_TIMEOUT_S)

    def told(error: BaseException) -> DatabaseOpenError:
        return open_error(parsed, error)  # type: ignore[arg-type]

    async def connect() -> object:
        try:
            return (await connector.open()).release()
        except (MySQLError, OSError, TimeoutError) as error:
            raise told(error) from None

    server = await connector.identify()
    # They name the collation of a column each in its own way.
    name = "mariadb" if server.is_mariadb else "mysql"
    road = MigrationRoad(url=f"{name}+asyncmy://", lock=LOCK, connect=connect, open_error=told)
    await migrate_server(road, parsed.place)
