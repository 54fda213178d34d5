"""What the server tells about itself: metrics and how they are read."""
