"""What the commands in `bench/` share."""
