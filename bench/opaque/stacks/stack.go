// Go's crypto/tls as client and as origin of the bench. Client: one line of key=value on stdin for each connection,
// one line on stdout for what became of it. Origin: `serve`, one line for each connection that has ended.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func pool(file string) *x509.CertPool {
	certs := x509.NewCertPool()
	certs.AppendCertsFromPEM(must(os.ReadFile(file)))
	return certs
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		serve(os.Args[2], os.Args[3], os.Args[4])
		return
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		play := map[string]string{}
		for _, part := range strings.Fields(lines.Text()) {
			name, value, _ := strings.Cut(part, "=")
			play[name] = value
		}
		fmt.Println(connect(play))
	}
}

var caches = map[string]tls.ClientSessionCache{}

func connect(play map[string]string) string {
	sent, got, done, problem := 0, 0, 0, ""
	report := func() string {
		return fmt.Sprintf("id=%s handshake=%d sent=%d got=%d error=%s", play["id"], done, sent, got, problem)
	}
	raw, err := net.Dial("tcp", "127.0.0.1:"+play["port"])
	if err != nil {
		problem = "dial"
		return report()
	}
	if caches[play["name"]] == nil {
		caches[play["name"]] = tls.NewLRUClientSessionCache(4)
	}
	version := uint16(tls.VersionTLS13)
	if play["v"] == "1.2" {
		version = tls.VersionTLS12
	}
	config := &tls.Config{ServerName: play["name"], RootCAs: pool(play["ca"]), MinVersion: version,
		MaxVersion: version, ClientSessionCache: caches[play["name"]]}
	if play["alpn"] != "" {
		config.NextProtos = strings.Split(play["alpn"], ",")
	}
	if play["cert"] != "" {
		config.Certificates = []tls.Certificate{must(tls.LoadX509KeyPair(play["cert"], play["key"]))}
	}
	if play["pin"] == "1" {
		config.VerifyConnection = func(tls.ConnectionState) error { return errors.New("pin mismatch") }
	}
	conn := tls.Client(raw, config)
	raw.SetReadDeadline(time.Now().Add(3 * time.Second))
	if err := conn.Handshake(); err != nil {
		problem = "handshake"
		raw.Close()
		return report()
	}
	done = 1
	buffer := make([]byte, 16384)
	for _, step := range strings.Split(play["steps"], ",") {
		if step == "" {
			continue
		}
		n, _ := strconv.Atoi(step[1:])
		switch step[0] {
		case 's':
			line := make([]byte, n)
			line[n-1] = 10
			if k, err := conn.Write(line); err == nil {
				sent += k
			}
		case 'w':
			time.Sleep(time.Duration(n) * time.Millisecond)
		case 'r', 'e':
			want := got + 1
			if n > want {
				want = n
			}
			raw.SetReadDeadline(time.Now().Add(2 * time.Second))
			for step[0] == 'e' || got < want {
				k, err := conn.Read(buffer)
				got += k
				if err != nil {
					break
				}
			}
		}
	}
	switch play["close"] {
	case "rst":
		raw.(*net.TCPConn).SetLinger(0)
		raw.Close()
	case "fin":
		raw.Close()
	default:
		conn.Close()
	}
	return report()
}

func serve(ca, cert, key string) {
	pair := must(tls.LoadX509KeyPair(cert, key))
	ports := ""
	for _, kind := range []string{"plain", "mtls", "notickets"} {
		config := &tls.Config{Certificates: []tls.Certificate{pair}}
		if kind == "mtls" {
			config.ClientAuth = tls.RequireAndVerifyClientCert
			config.ClientCAs = pool(ca)
		}
		config.SessionTicketsDisabled = kind == "notickets"
		listener := must(net.Listen("tcp", "127.0.0.1:0"))
		ports += fmt.Sprintf("%s=%d ", kind, listener.Addr().(*net.TCPAddr).Port)
		go func() {
			for {
				raw, err := listener.Accept()
				if err != nil {
					return
				}
				go origin(raw, config)
			}
		}()
	}
	fmt.Println(ports)
	io.Copy(io.Discard, os.Stdin)
}

func origin(raw net.Conn, config *tls.Config) {
	got, wrote, after, done, rejected := 0, 0, 0, 0, 0
	port := raw.RemoteAddr().(*net.TCPAddr).Port
	conn := tls.Server(raw, config)
	raw.SetDeadline(time.Now().Add(8 * time.Second))
	defer func() {
		conn.Close()
		fmt.Printf("port=%d handshake=%d got=%d wrote=%d after=%d rejected=%d\n", port, done, got, wrote, after, rejected)
	}()
	if err := conn.Handshake(); err != nil {
		if !strings.Contains(err.Error(), "remote error") && !errors.Is(err, io.EOF) {
			rejected = 1
		}
		return
	}
	done = 1
	label := strings.Split(conn.ConnectionState().ServerName, "-")[0]
	does := strings.TrimRight(label, "0123456789")
	size, _ := strconv.Atoi(label[len(does):])
	if size == 0 {
		size = 1
	}
	if strings.HasPrefix(does, "greet") {
		k, _ := conn.Write(make([]byte, 64))
		wrote += k
	}
	buffer := make([]byte, 16384)
	for does != "slam" {
		k, err := conn.Read(buffer)
		got += k
		if err != nil || does == "drop" {
			return
		}
		if does == "answer" || does == "greet" {
			n, _ := conn.Write(make([]byte, size))
			wrote += n
			after += n
		}
	}
}
