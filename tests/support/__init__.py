"""What tests of several parts share; each piece has one place here."""
