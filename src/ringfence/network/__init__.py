"""What a network is: its tables, its makers, its quality, its changes."""
