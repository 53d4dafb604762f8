"""What a flight in progress is made of: where it stands, what it is told, what it leaves on the disk."""
