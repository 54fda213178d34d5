"""The steps from each schema to the next, by alembic."""

import logging

# It tells of every step, and of its plugins as soon as it is imported.
logging.getLogger("alembic").setLevel(logging.WARNING)
# It tells of what MariaDB remarks on definitions, such as names of primary keys.
logging.getLogger("asyncmy").setLevel(logging.ERROR)
