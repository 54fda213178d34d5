"""The steps from each schema to the next, by alembic."""

import logging

# It tells of every step, and of its plugins as soon as it is imported.
logging.getLogger("alembic").setLevel(logging.WARNING)
