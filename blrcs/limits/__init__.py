"""Rate limits for whoever asks, behind the limits port."""
