package wire

import (
	"bufio"
	"bytes"
	"errors"
	"testing"

	"github.com/dolthub/vitess/go/sqltypes"
	querypb "github.com/dolthub/vitess/go/vt/proto/query"
)

func FuzzHandshakeResponse(f *testing.F) {
	f.Add(response(rawCaps, "root"))
	f.Add(response(rawCaps|capConnectWithDB|capConnectAttrs|capPluginAuthLenenc, "u"))
	f.Add(append(response(rawCaps|capConnectAttrs, "root"), 4, 1, 'a', 1, 'b'))
	f.Fuzz(func(t *testing.T, p []byte) {
		if r, ok := parseHandshakeResponse(p, offeredCapabilities); ok {
			if len(r.auth) > len(p) || len(r.user) > len(p) || r.caps&^offeredCapabilities != 0 {
				t.Errorf("%+v out of %d bytes", r, len(p))
			}
		}
		parseChangeUser(p, offeredCapabilities|capZstd, 3)
	})
}

func FuzzSSLRequest(f *testing.F) {
	f.Add(response(rawCaps|capSSL, "")[:32])
	f.Add([]byte{0, 8, 0, 0})
	f.Fuzz(func(t *testing.T, p []byte) {
		if isSSLRequest(p) {
			if _, ok := parseHandshakeResponse(p, offeredCapabilities|capSSL); ok && len(p) <= 32 {
				t.Errorf("% x is both", p)
			}
		}
	})
}

func FuzzStmtExecuteParams(f *testing.F) {
	f.Add(3, []byte{0, 1, typeLong, 0, typeTime, 0, typeString, 0, 1, 2, 3, 4, 8, 1, 0, 0, 0, 0, 1, 2, 3, 2, 'a', 'b'})
	f.Add(2, []byte{2, 1, typeDatetime, 0, typeLongLong, flagUnsigned, 11, 0xda, 7, 10, 17, 19, 27, 30, 1, 0, 0, 0})
	f.Add(1, []byte{0, 1, typeDouble, 0, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f})
	f.Fuzz(func(t *testing.T, n int, p []byte) {
		if n < 0 || n > 1000 {
			return
		}
		c := cursor{b: p}
		vars, types, err := params(&c, n, nil, nil)
		if err != nil {
			return
		}
		if len(vars) != n || len(types) != 2*n {
			t.Errorf("%d values, %d type bytes for %d parameters", len(vars), len(types), n)
		}
		size := 0
		for _, v := range vars {
			size += len(v.Value)
		}
		if size > 64*len(p)+64 {
			t.Errorf("%d bytes of values from %d", size, len(p))
		}
	})
}

func FuzzRegisterReplica(f *testing.F) {
	f.Add([]byte{9, 0, 0, 0, 1, 'h', 1, 'u', 1, 'p', 1, 2, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, p []byte) {
		if r, ok := parseRegister(p); ok && len(r.Host)+len(r.User) > len(p) {
			t.Errorf("%+v", r)
		}
	})
}

func FuzzBinlogDump(f *testing.F) {
	f.Add([]byte("\x04\x00\x00\x00\x01\x00\x09\x00\x00\x00binlog.000001"))
	f.Add([]byte("\x04\x00\x09\x00\x00\x00\x01\x00\x00\x00b\x04\x00\x00\x00\x00\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, p []byte) {
		parseDump(p)
		if r, ok := parseDumpGTID(p); ok && len(r.GTIDs)+len(r.File) > len(p) {
			t.Errorf("%+v", r)
		}
	})
}

func FuzzLengthEncoded(f *testing.F) {
	f.Add([]byte{0xfc, 3, 0, 'a', 'b', 'c'})
	f.Add([]byte{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{0xfd, 1})
	f.Fuzz(func(t *testing.T, p []byte) {
		c := cursor{b: p}
		s := c.lenencBytes()
		if c.bad {
			return
		}
		again := cursor{b: appendLenencString(nil, s)}
		if got := again.lenencBytes(); !bytes.Equal(got, s) || again.bad || len(again.b) != 0 {
			t.Errorf("%q became %q", s, got)
		}
	})
}

func FuzzPacketReader(f *testing.F) {
	f.Add([]byte{3, 0, 0, 0, 'a', 'b', 'c', 1, 0, 0, 0, 'x'})
	f.Add([]byte{0xff, 0xff, 0xff, 0, 1})
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := packetReader{br: bufio.NewReader(bytes.NewReader(stream))}
		for {
			p, err := r.next(1000, nil)
			if err != nil {
				return
			}
			if len(p) > 1000 || cap(p) > keepPacket {
				t.Fatalf("%d bytes, %d held", len(p), cap(p))
			}
			r.seq = 0
		}
	})
}

func FuzzBinaryValue(f *testing.F) {
	for _, s := range []string{"-838:59:59.000001", "2024-01-01 00:00:00.5", "1e300", "-9223372036854775808"} {
		f.Add(int32(sqltypes.Time), s)
		f.Add(int32(sqltypes.Datetime), s)
		f.Add(int32(sqltypes.Float64), s)
	}
	f.Fuzz(func(t *testing.T, typ int32, s string) {
		b, err := appendBinary(nil, querypb.Type(typ), []byte(s))
		if err == nil && len(b) > len(s)+13 {
			t.Errorf("%d bytes of %q", len(b), s)
		}
		if err != nil && errors.Is(err, errMalformed) {
			t.Error("a value of ours is no packet of a client")
		}
	})
}
