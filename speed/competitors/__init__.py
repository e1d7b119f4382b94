"""What people use instead, a script each, written as its own documentation shows it."""
