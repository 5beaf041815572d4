"""What `bench/compare` and `bench/real-input` share."""
