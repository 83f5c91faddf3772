// The listener of the stand-in's server.
module hitscanner.test/cluster/listener

go 1.26.0
