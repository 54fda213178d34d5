"""Protobuf's wire format and JSON, read strictly and written canonically."""
