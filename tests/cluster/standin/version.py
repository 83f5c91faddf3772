"""The version that this stand-in was built to be; replaced in the packed file."""

VERSION = "v1.36.3+k3s1"
