"""What people use instead, one file each, written as its own documentation shows it."""
