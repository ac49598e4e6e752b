"""The subcommands: thin functions that ask wiring for parts and give results to the console."""
