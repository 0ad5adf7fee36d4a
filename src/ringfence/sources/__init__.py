"""Someone's format to network tables: one file a format, each registered as an entry point."""
