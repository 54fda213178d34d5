"""Parts of the composition root: plain constructors, one file for each group of services."""
