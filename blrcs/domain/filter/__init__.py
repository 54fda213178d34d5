"""The language of filters, by AIP-160: what a filter may say, and what it means."""
