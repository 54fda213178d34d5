"""Redis, as one server, behind Sentinels, or as a Cluster."""
