"""Who may do what where: the access policy, compiled, and the names of resources in it."""
