package auth

import (
	"cmp"
	"net/netip"
	"strings"
)

// wildAt is the place of the first wildcard of a pattern, as MySQL sorts
// patterns: the later the more specific; without one, beyond all others. An
// escaped wildcard is none.
func wildAt(pattern string) int {
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case '\\':
			i++
		case '%', '_':
			return i
		}
	}
	return 1 << 20
}

// like matches a pattern of SQL: % any text, _ one byte, \ takes the next as it
// is. Both are in one case.
func like(pattern, s string) bool {
	for len(pattern) > 0 {
		switch c := pattern[0]; {
		case c == '%':
			for pattern = strings.TrimLeft(pattern, "%"); ; s = s[1:] {
				if like(pattern, s) {
					return true
				}
				if s == "" {
					return false
				}
			}
		case s == "":
			return false
		case c == '_':
		default:
			if c == '\\' && len(pattern) > 1 {
				pattern = pattern[1:]
			}
			if pattern[0] != s[0] {
				return false
			}
		}
		pattern, s = pattern[1:], s[1:]
	}
	return s == ""
}

// netmask is a host part of the form a.b.c.d/m.m.m.m or a.b.c.d/n.
func netmask(host string) (netip.Prefix, bool) {
	addr, mask, ok := strings.Cut(host, "/")
	if !ok {
		return netip.Prefix{}, false
	}
	a, err := netip.ParseAddr(addr)
	if err != nil {
		return netip.Prefix{}, false
	}
	if m, err := netip.ParseAddr(mask); err == nil && m.Is4() {
		b := m.As4()
		bits := 0
		for n := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3]); n&(1<<31) != 0; n <<= 1 {
			bits++
		}
		p, err := a.Prefix(bits)
		return p, err == nil && p.Addr() == a
	}
	p, err := netip.ParsePrefix(host)
	return p, err == nil && p.Masked() == p
}

// matchesHost reports whether an account's host part takes a client. host is
// the client's address, or localhost for a Unix socket. A loopback address has
// the name localhost besides.
func matchesHost(pattern, host string) bool {
	if pattern == "" || pattern == "%" {
		return true
	}
	if p, ok := netmask(pattern); ok {
		a, err := netip.ParseAddr(host)
		return err == nil && p.Contains(a.Unmap())
	}
	if strings.EqualFold(pattern, host) || wildAt(pattern) < 1<<20 && like(pattern, strings.ToLower(host)) {
		return true
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	if b, err := netip.ParseAddr(pattern); err == nil && b.Unmap() == a.Unmap() {
		return true
	}
	return a.Unmap().IsLoopback() && (pattern == "localhost" || wildAt(pattern) < 1<<20 && like(pattern, "localhost"))
}

// compareSpecific orders accounts as a log-in looks at them: by host, addresses
// before names before networks before patterns before '%' before the empty one;
// of one host, those with a user name first. Source: MySQL 8.0 manual, "Access
// Control, Stage 1: Connection Verification".
func compareSpecific(a, b Name) int {
	ka, na := hostKind(a.Host)
	kb, nb := hostKind(b.Host)
	return cmp.Or(cmp.Compare(ka, kb), cmp.Compare(nb, na), cmp.Compare(a.Host, b.Host), cmp.Compare(b2i(a.User == ""), b2i(b.User == "")))
}

// hostKind ranks a host part, the most specific 0; n orders those of one kind,
// the greatest first.
func hostKind(host string) (kind, n int) {
	if _, err := netip.ParseAddr(host); err == nil {
		return 0, 0
	}
	if p, ok := netmask(host); ok {
		return 2, p.Bits()
	}
	switch at := wildAt(host); {
	case host == "":
		return 5, 0
	case host == "%":
		return 4, 0
	case at < 1<<20:
		return 3, at
	}
	return 1, 0
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// find returns the account that a client logs in to; nil = none.
func (g *Grants) find(user, host string) *User {
	for _, u := range g.order {
		if (u.User == user || u.User == "") && matchesHost(u.Host, host) {
			return u
		}
	}
	return nil
}
