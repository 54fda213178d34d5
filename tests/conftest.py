"""What all tests have in common."""

from hypothesis import settings

# No test is about time: machines are busy, and sanitizers make each step many times as slow.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
