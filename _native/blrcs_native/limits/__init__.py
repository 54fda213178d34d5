"""Rate limits: the four algorithms, the shared table of their state, and the limiter over both."""
