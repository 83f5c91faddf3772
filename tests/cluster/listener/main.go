// Command listener serves the stand-in's one port: the supervisor's paths and the Kubernetes API.
//
// k3s answers both from one process.  Here the supervisor is the stand-in, on a
// unix socket, and the API is upstream's kube-apiserver on the loopback; this
// terminates TLS for them and vouches for client certificates as an
// authenticating proxy does
// (https://kubernetes.io/docs/reference/access-authn-authz/authentication/#authenticating-proxy).
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
)

const (
	userHeader  = "X-Remote-User"
	groupHeader = "X-Remote-Group"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:6443", "addresses to serve at, with commas between")
	apiserver := flag.String("apiserver", "127.0.0.1:6444", "the kube-apiserver")
	supervisor := flag.String("supervisor", "", "unix socket of the supervisor")
	folder := flag.String("tls", "", "folder of the server's keys and certificates")
	flag.Parse()

	file := func(name string) string { return *folder + "/" + name }
	api := proxy("https", *apiserver, &http.Transport{
		TLSClientConfig: &tls.Config{
			RootCAs:      pool(file("server-ca.crt")),
			Certificates: []tls.Certificate{pair(file("client-auth-proxy"))},
		},
		ForceAttemptHTTP2: true,
	})
	own := proxy("http", "supervisor", &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", *supervisor)
		},
	})
	clientCA := pool(file("client-ca.crt"))
	server := &http.Server{
		TLSConfig: &tls.Config{ClientAuth: tls.RequestClientCert},
		Handler: http.HandlerFunc(func(answer http.ResponseWriter, ask *http.Request) {
			vouch(ask, clientCA)
			if isSupervisors(ask.URL.Path) {
				own.ServeHTTP(answer, ask)
			} else {
				api.ServeHTTP(answer, ask)
			}
		}),
	}
	failed := make(chan error)
	for _, address := range strings.Split(*listen, ",") {
		socket, err := net.Listen("tcp", address)
		if err != nil {
			log.Fatal(err)
		}
		go func() {
			failed <- server.ServeTLS(socket, file("serving-k3s.crt"), file("serving-k3s.key"))
		}()
	}
	log.Fatal(<-failed)
}

func isSupervisors(path string) bool {
	return path == "/cacerts" || path == "/ping" || strings.HasPrefix(path, "/v1-k3s/")
}

// vouch replaces what the client says about itself by what its certificate proves.
func vouch(ask *http.Request, clientCA *x509.CertPool) {
	for name := range ask.Header {
		if strings.HasPrefix(name, "X-Remote-") {
			ask.Header.Del(name)
		}
	}
	if len(ask.TLS.PeerCertificates) == 0 {
		return
	}
	leaf := ask.TLS.PeerCertificates[0]
	wanted := x509.VerifyOptions{Roots: clientCA, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	if _, err := leaf.Verify(wanted); err != nil {
		return
	}
	ask.Header.Set(userHeader, leaf.Subject.CommonName)
	for _, group := range leaf.Subject.Organization {
		ask.Header.Add(groupHeader, group)
	}
}

func proxy(scheme, host string, transport http.RoundTripper) *httputil.ReverseProxy {
	target := &url.URL{Scheme: scheme, Host: host}
	return &httputil.ReverseProxy{
		Rewrite:       func(ask *httputil.ProxyRequest) { ask.SetURL(target) },
		Transport:     transport,
		FlushInterval: -1, // a watch is a stream
		ErrorHandler: func(answer http.ResponseWriter, _ *http.Request, err error) {
			http.Error(answer, err.Error(), http.StatusServiceUnavailable)
		},
	}
}

func pool(file string) *x509.CertPool {
	text, err := os.ReadFile(file)
	if err != nil {
		log.Fatal(err)
	}
	found := x509.NewCertPool()
	if !found.AppendCertsFromPEM(text) {
		log.Fatalf("%s holds no certificate", file)
	}
	return found
}

func pair(base string) tls.Certificate {
	found, err := tls.LoadX509KeyPair(base+".crt", base+".key")
	if err != nil {
		log.Fatal(err)
	}
	return found
}
