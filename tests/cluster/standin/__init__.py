"""
A stand-in for k3s: its command line, its files and its join protocol, over upstream's Kubernetes.

It exists because k3s itself cannot be had without the Internet.  Each behaviour
names the page of the k3s documentation (https://docs.k3s.io, source in
k3s-io/docs) or the file of k3s (k3s-io/k3s) that it follows.  Standard library
only, Python 3.11 as on the hosts, packed into one executable file.
"""
