"""One RPC on its road: the call, its method, and the pipeline that takes it to its status."""
