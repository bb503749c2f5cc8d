package cluster

import (
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// A Link is how a Proxy treats what comes.
type Link int

const (
	Open Link = iota
	Held      // nothing passes; what was sent arrives when the link is open again
	Lost      // nothing passes, and what was sent is gone: its connections end when the link is open again
	Cut       // connections are reset and new ones refused
)

// Proxy is a TCP link to a port of loopback that fails when told to. A
// connection that is made while nothing passes is accepted and stays silent.
type Proxy struct {
	Port int

	target   string
	listener net.Listener
	wg       sync.WaitGroup

	mu      sync.Mutex
	changed *sync.Cond
	in, out Link // to the target, from the target
	conns   map[*proxied]bool
	closed  bool
}

// proxied is one connection through a Proxy.
type proxied struct {
	client, server net.Conn // server: nil until it is dialled
	lost           bool     // something that was sent is gone
}

// NewProxy starts a link to a port. It ends with the test.
func NewProxy(t testing.TB, port int) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Port: l.Addr().(*net.TCPAddr).Port, target: fmt.Sprintf("127.0.0.1:%d", port), listener: l, conns: map[*proxied]bool{}}
	p.changed = sync.NewCond(&p.mu)
	p.wg.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

// Set changes the link in both directions.
func (p *Proxy) Set(l Link) { p.SetEach(l, l) }

// SetEach changes the link to the target and that from it. A link that is cut in
// one direction is cut.
func (p *Proxy) SetEach(in, out Link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.in, p.out = in, out
	for c := range p.conns {
		if in == Cut || out == Cut || c.lost && in == Open && out == Open {
			c.reset()
		}
	}
	p.changed.Broadcast()
}

// reset ends a connection at once in both directions. The caller holds p.mu.
func (c *proxied) reset() {
	for _, conn := range []net.Conn{c.client, c.server} {
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // it is being ended anyway
			tcp.Close()
		}
	}
}

func (p *Proxy) close() {
	p.listener.Close()
	p.mu.Lock()
	p.closed = true
	for c := range p.conns {
		c.reset()
	}
	p.changed.Broadcast()
	p.mu.Unlock()
	p.wg.Wait()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.wg.Go(func() { p.serve(&proxied{client: client}) })
	}
}

func (p *Proxy) serve(c *proxied) {
	p.mu.Lock()
	p.conns[c] = true
	for !p.closed && p.in != Cut && p.out != Cut && (p.in != Open || p.out != Open) {
		p.changed.Wait()
	}
	cut := p.closed || p.in == Cut || p.out == Cut
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, c)
		c.reset()
	}()
	if cut {
		return
	}
	server, err := net.DialTimeout("tcp", p.target, 5*time.Second)
	if err != nil {
		return
	}
	p.mu.Lock()
	c.server = server
	p.mu.Unlock()
	var wg sync.WaitGroup
	wg.Go(func() { p.copy(c, server, c.client, &p.in) })
	wg.Go(func() { p.copy(c, c.client, server, &p.out) })
	wg.Wait()
}

// copy passes on what the link lets through, and ends both sides when one ends.
func (p *Proxy) copy(c *proxied, to, from net.Conn, link *Link) {
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		p.mu.Lock()
		for *link == Held && !p.closed {
			p.changed.Wait()
		}
		if *link != Open {
			c.lost = c.lost || n > 0
			n = 0
		}
		over := p.closed || *link == Cut || err != nil && err != io.EOF
		p.mu.Unlock()
		if n > 0 {
			if _, werr := to.Write(b[:n]); werr != nil {
				over = true
			}
		}
		if over {
			to.Close()
			from.Close()
			return
		}
		if err == io.EOF {
			to.(*net.TCPConn).CloseWrite()
			return
		}
	}
}
