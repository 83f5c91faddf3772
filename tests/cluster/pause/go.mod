// The program that keeps a pod's namespaces open.
module hitscanner.test/cluster/pause

go 1.26.0
