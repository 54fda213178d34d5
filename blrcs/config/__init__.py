"""Settings: where they come from, what makes them valid, and how they change at run time."""
