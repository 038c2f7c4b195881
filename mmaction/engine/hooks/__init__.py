"""What this project adds to mmengine's hooks, one a file."""
