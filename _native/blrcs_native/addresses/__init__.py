"""Where calls come from: addresses, lists of them, and what trusted proxies say."""
