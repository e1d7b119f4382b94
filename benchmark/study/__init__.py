"""A study: the schema of its file, and how the file is read, completed and checked."""
