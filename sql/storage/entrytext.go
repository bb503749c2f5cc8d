package storage

import (
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"

	"binrelay/binlog/rowimage"
)

// maxEntryText is how much of a key's text an error shows, in bytes.
const maxEntryText = 64 * 8

// binaryCollation is MySQL's id of the collation binary.
const binaryCollation = 63

// entryText prints a key as MySQL does in error 1062: the columns joined by
// dashes. TIMESTAMPs are shown in UTC.
func (t *Table) entryText(parts []IndexPart, image []byte, cells []rowimage.Cell) string {
	var dst []byte
	for i, p := range parts {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = appendText(dst, &t.schema.Columns[p.Column], cells[p.Column].Value(image), p.Prefix)
	}
	if len(dst) > maxEntryText {
		dst = append(dst[:maxEntryText], "..."...)
	}
	return string(dst)
}

func appendText(dst []byte, c *Column, v []byte, prefix int) []byte {
	if v == nil {
		return append(dst, "NULL"...)
	}
	switch c.Type {
	case gomysql.MYSQL_TYPE_TINY, gomysql.MYSQL_TYPE_SHORT, gomysql.MYSQL_TYPE_INT24, gomysql.MYSQL_TYPE_LONG, gomysql.MYSQL_TYPE_LONGLONG:
		if c.Unsigned {
			return strconv.AppendUint(dst, rowimage.DecodeUint(v), 10)
		}
		return strconv.AppendInt(dst, rowimage.DecodeInt(v), 10)
	case gomysql.MYSQL_TYPE_FLOAT:
		return strconv.AppendFloat(dst, float64(rowimage.DecodeFloat(v)), 'g', 6, 32)
	case gomysql.MYSQL_TYPE_DOUBLE:
		return strconv.AppendFloat(dst, rowimage.DecodeDouble(v), 'g', -1, 64)
	case gomysql.MYSQL_TYPE_YEAR:
		return fmt.Appendf(dst, "%04d", rowimage.DecodeYear(v))
	case gomysql.MYSQL_TYPE_NEWDECIMAL:
		if out, err := rowimage.AppendDecimalText(dst, v, c.Meta); err == nil {
			return out
		}
		return dst
	case gomysql.MYSQL_TYPE_DATE, gomysql.MYSQL_TYPE_DATETIME2, gomysql.MYSQL_TYPE_TIMESTAMP2, gomysql.MYSQL_TYPE_TIME2:
		return appendTimeText(dst, c, v)
	case gomysql.MYSQL_TYPE_ENUM:
		if n := rowimage.DecodeUint(v); n >= 1 && n <= uint64(len(c.Members)) {
			return append(dst, c.Members[n-1]...)
		}
		return dst
	case gomysql.MYSQL_TYPE_SET:
		bits, sep := rowimage.DecodeUint(v), ""
		for i, m := range c.Members {
			if bits&(1<<i) != 0 {
				dst = append(append(dst, sep...), m...)
				sep = ","
			}
		}
		return dst
	case gomysql.MYSQL_TYPE_BIT:
		return appendBinaryText(dst, v)
	}
	if c.Collation == binaryCollation {
		if prefix > 0 && prefix < len(v) {
			v = v[:prefix]
		}
		return appendBinaryText(dst, v)
	}
	for n, i := 0, 0; prefix > 0 && i < len(v); n++ {
		if n == prefix {
			v = v[:i]
			break
		}
		_, w := utf8.DecodeRune(v[i:])
		i += w
	}
	return append(dst, v...)
}

// appendBinaryText prints bytes as MySQL 8.0 does in messages: printable ASCII
// as it is, the rest as \xNN.
func appendBinaryText(dst, v []byte) []byte {
	for _, b := range v {
		if b >= 0x20 && b < 0x7f {
			dst = append(dst, b)
		} else {
			dst = fmt.Appendf(dst, "\\x%02X", b)
		}
	}
	return dst
}

func appendTimeText(dst []byte, c *Column, v []byte) []byte {
	micro := uint32(0)
	switch c.Type {
	case gomysql.MYSQL_TYPE_DATE:
		d := rowimage.DecodeDate(v)
		return fmt.Appendf(dst, "%04d-%02d-%02d", d.Year, d.Month, d.Day)
	case gomysql.MYSQL_TYPE_DATETIME2:
		d := rowimage.DecodeDatetime(v, c.Meta)
		dst = fmt.Appendf(dst, "%04d-%02d-%02d %02d:%02d:%02d", d.Year, d.Month, d.Day, d.Hour, d.Minute, d.Second)
		micro = d.Micro
	case gomysql.MYSQL_TYPE_TIMESTAMP2:
		sec, us := rowimage.DecodeTimestamp(v, c.Meta)
		if sec == 0 {
			dst = append(dst, "0000-00-00 00:00:00"...)
		} else {
			dst = time.Unix(int64(sec), 0).UTC().AppendFormat(dst, "2006-01-02 15:04:05")
		}
		micro = us
	case gomysql.MYSQL_TYPE_TIME2:
		us := rowimage.DecodeTime(v, c.Meta)
		if us < 0 {
			dst, us = append(dst, '-'), -us
		}
		s := us / 1e6
		dst = fmt.Appendf(dst, "%02d:%02d:%02d", s/3600, s/60%60, s%60)
		micro = uint32(us % 1e6)
	}
	if c.Meta > 0 && c.Meta <= 6 {
		frac := fmt.Sprintf("%06d", micro)
		dst = append(append(dst, '.'), frac[:c.Meta]...)
	}
	return dst
}
