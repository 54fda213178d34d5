"""Guards, middleware and observers: the stages of a call's road, one a file."""
