"""How many calls may run at once, and who is refused when it is too many."""
