"""The world transformer: mathematics only, no devices, no files, no logging."""
