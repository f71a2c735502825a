"""What an installation is made of, beside the package: made from code, committed."""
