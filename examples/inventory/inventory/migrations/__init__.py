"""The tables of the inventory, one file for each revision."""
