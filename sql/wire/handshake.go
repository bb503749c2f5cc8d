package wire

import (
	"encoding/binary"
)

const (
	saltSize = 20
	// maxConnectAttrs bounds what is parsed of the connection attributes, in
	// bytes; MySQL's own bound is 64 KiB.
	maxConnectAttrs = 64 << 10
	maxUserName     = 32 * 4 // bytes: 32 characters
	maxDBName       = 64 * 4
)

// greeting is the server's first packet, HandshakeV10:
//
//	10 | version 00 | connection id 4 | salt 8 | 00 | capabilities, low 2
//	collation 1 | status 2 | capabilities, high 2 | salt length 1 | 00 × 10
//	salt 12 | 00 | plugin name 00
func greeting(version string, id uint32, salt []byte, caps uint32, collation byte, plugin string) []byte {
	b := append([]byte{10}, version...)
	b = append(b, 0)
	b = binary.LittleEndian.AppendUint32(b, id)
	b = append(b, salt[:8]...)
	b = append(b, 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(caps))
	b = append(b, collation)
	b = binary.LittleEndian.AppendUint16(b, statusAutocommit)
	b = binary.LittleEndian.AppendUint16(b, uint16(caps>>16))
	b = append(b, saltSize+1)
	b = append(b, make([]byte, 10)...)
	b = append(b, salt[8:saltSize]...)
	b = append(b, 0)
	b = append(b, plugin...)
	return append(b, 0)
}

// loginRequest is what a client sends to log in: HandshakeResponse41 or the
// body of COM_CHANGE_USER. Byte slices alias the packet.
type loginRequest struct {
	caps      uint32
	collation uint16
	user      string
	db        string
	auth      []byte
	plugin    string
	change    bool // COM_CHANGE_USER, not the first log-in
	attrs     map[string]string
	// zstdLevel is 1 to 22 with capZstd.
	zstdLevel int
}

// isSSLRequest reports whether p is the short packet that asks for TLS.
func isSSLRequest(p []byte) bool {
	return len(p) >= 4 && len(p) <= 32 && binary.LittleEndian.Uint32(p)&capSSL != 0
}

// parseHandshakeResponse reads HandshakeResponse41:
//
//	capabilities 4 | max packet 4 | collation 1 | 00 × 23 | user 00
//	auth response | [database 00] | [plugin 00] | [attributes] | [zstd level 1]
func parseHandshakeResponse(p []byte, offered uint32) (*loginRequest, bool) {
	c := cursor{b: p}
	r := &loginRequest{caps: c.u32() & offered}
	c.u32()
	r.collation = uint16(c.u8())
	c.take(23)
	if c.bad || r.caps&requiredCapabilities != requiredCapabilities {
		return nil, false
	}
	r.user = string(c.nul())
	if r.caps&capPluginAuthLenenc != 0 {
		r.auth = c.lenencBytes()
	} else {
		r.auth = c.shortBytes()
	}
	if r.caps&capConnectWithDB != 0 {
		// Some clients end the packet here, without the zero byte.
		r.db = string(c.nulOrRest())
	}
	r.loginTail(&c)
	if r.caps&capZstd != 0 {
		r.zstdLevel = int(c.u8())
		if r.zstdLevel < 1 || r.zstdLevel > 22 {
			return nil, false
		}
	}
	return r, r.valid(&c)
}

// loginTail reads what both kinds of login end in.
func (r *loginRequest) loginTail(c *cursor) {
	if r.caps&capPluginAuth != 0 {
		r.plugin = string(c.nulOrRest())
	}
	if r.caps&capConnectAttrs != 0 && len(c.b) > 0 {
		r.attrs = parseAttrs(c.lenencBytes())
	}
}

func (r *loginRequest) valid(c *cursor) bool {
	return !c.bad && len(r.user) <= maxUserName && len(r.db) <= maxDBName
}

// parseChangeUser reads the body of COM_CHANGE_USER, after the command byte:
//
//	user 00 | length 1, auth response | database 00 | [collation 2]
//	[plugin 00] | [attributes]
func parseChangeUser(p []byte, caps uint32, zstdLevel int) (*loginRequest, bool) {
	c := cursor{b: p}
	r := &loginRequest{caps: caps, zstdLevel: zstdLevel, change: true}
	r.user = string(c.nul())
	r.auth = c.shortBytes()
	r.db = string(c.nulOrRest())
	if len(c.b) >= 2 {
		r.collation = c.u16()
	}
	if len(c.b) > 0 {
		r.loginTail(&c)
	}
	return r, r.valid(&c)
}

// parseAttrs reads connection attributes: pairs of length-encoded strings. What
// does not fit is left out; attributes are for display only.
func parseAttrs(p []byte) map[string]string {
	if len(p) > maxConnectAttrs {
		return nil
	}
	c := cursor{b: p}
	var attrs map[string]string
	for len(c.b) > 0 && len(attrs) < 128 {
		k := c.lenencBytes()
		v := c.lenencBytes()
		if c.bad {
			break
		}
		if attrs == nil {
			attrs = make(map[string]string)
		}
		attrs[string(k)] = string(v)
	}
	return attrs
}
