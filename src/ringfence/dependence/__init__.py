"""What hangs on whom: the service tree, what fails when a vendor is gone, concentration."""
