"""MySQL and MariaDB as a kind of database that a URL can name."""

from blrcs.database.kind import DatabaseKind
from blrcs.database.mysql.adapter import MysqlAdapter
from blrcs.database.mysql.migrate import MysqlRoad

KIND = DatabaseKind(open=MysqlAdapter.open, road=MysqlRoad)
