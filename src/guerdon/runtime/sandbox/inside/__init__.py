"""What runs on the other side. These files are handed over as text: they import the standard library and each other."""
