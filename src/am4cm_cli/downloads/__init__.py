"""Published data sets fetched, checked and unpacked."""
