"""Which database the settings name."""

from blrcs.config.settings import Settings
from blrcs.database.sqlite.file_url import file_url

DATABASE_FILE = "blrcs.db"


def database_url(settings: Settings) -> str:
    """Where everything is kept that is not a file."""
    if settings.database.url is None:
        return file_url(settings.data_directory / DATABASE_FILE)
    return settings.database.url.get_secret_value()
