package rowimage

import "fmt"

// The temporal types of MySQL 5.6 and later are big-endian numbers followed by
// the fraction in (fsp+1)/2 bytes, in units of 10^-2, 10^-4 or 10^-6 s:
//
//	DATETIME2   1 | year*13+month 17 | day 5 | hour 5 | minute 6 | second 6      40 bits
//	TIMESTAMP2  seconds since 1970 UTC                                           32 bits
//	TIME2       1 | 0 | hour 10 | minute 6 | second 6                            24 bits
//
// A TIME2 with its fraction is one number, offset by 0x800000 before the
// fraction: for -00:00:00.01 the fraction borrows from the seconds, and the
// bytes compare as the times do.

// Datetime is a calendar date with time of day. Zero dates and zero parts are
// legal, as in MySQL. For DATE the time is zero.
type Datetime struct {
	Year                 uint16
	Month, Day           uint8
	Hour, Minute, Second uint8
	Micro                uint32
}

// MaxTime is the greatest TIME, 838:59:59, in microseconds.
const MaxTime = ((838*60+59)*60 + 59) * 1_000_000

// Compare orders two values by time.
func (d Datetime) Compare(o Datetime) int {
	a, b := d.packed(), o.packed()
	switch {
	case a < b || a == b && d.Micro < o.Micro:
		return -1
	case a > b || d.Micro > o.Micro:
		return 1
	}
	return 0
}

// valid reports whether every part fits its bits; it knows no calendar (the
// SQL mode decides about 31 February).
func (d Datetime) valid() bool {
	return d.Year <= 9999 && d.Month <= 12 && d.Day <= 31 && d.Hour <= 23 && d.Minute <= 59 && d.Second <= 59 && d.Micro <= 999_999
}

func (d Datetime) packed() uint64 {
	ymd := (uint64(d.Year)*13+uint64(d.Month))<<5 | uint64(d.Day)
	return ymd<<17 | uint64(d.Hour)<<12 | uint64(d.Minute)<<6 | uint64(d.Second)
}

func fractionBytes(fsp uint16) uint32 { return uint32(fsp+1) / 2 }

// fractionUnit is how many microseconds one unit of the stored fraction is.
var fractionUnit = [4]uint32{1_000_000, 10_000, 100, 1}

// digitUnit is how many microseconds the last of fsp digits is worth.
var digitUnit = [7]uint32{1_000_000, 100_000, 10_000, 1_000, 100, 10, 1}

// cutFraction drops the microseconds that fsp digits cannot show.
func cutFraction(micro uint32, fsp uint16) uint32 { return micro - micro%digitUnit[fsp] }

func appendFraction(dst []byte, micro uint32, fsp uint16) []byte {
	n := fractionBytes(fsp)
	return appendBE(dst, uint64(cutFraction(micro, fsp)/fractionUnit[n]), int(n))
}

func decodeFraction(b []byte) uint32 {
	return uint32(beUint(b)) * fractionUnit[len(b)]
}

// DecodeDate returns a DATE.
func DecodeDate(b []byte) Datetime {
	v := DecodeUint(b)
	return Datetime{Year: uint16(v >> 9), Month: uint8(v >> 5 & 15), Day: uint8(v & 31)}
}

// AppendDate appends a DATE. The error is ErrRange.
func AppendDate(dst []byte, d Datetime) ([]byte, error) {
	if !d.valid() {
		return dst, ErrRange
	}
	return appendLE(dst, uint64(d.Year)<<9|uint64(d.Month)<<5|uint64(d.Day), 3), nil
}

// DecodeDatetime returns a DATETIME2 of fsp (Column.Meta) fraction digits.
func DecodeDatetime(b []byte, fsp uint16) Datetime {
	v := beUint(b[:5]) &^ (1 << 39)
	ym := v >> 22 & 0x1ffff
	return Datetime{
		Year: uint16(ym / 13), Month: uint8(ym % 13), Day: uint8(v >> 17 & 31),
		Hour: uint8(v >> 12 & 31), Minute: uint8(v >> 6 & 63), Second: uint8(v & 63),
		Micro: decodeFraction(b[5 : 5+fractionBytes(fsp)]),
	}
}

// AppendDatetime appends a DATETIME2 of fsp fraction digits; digits beyond are
// cut off. The error is ErrRange.
func AppendDatetime(dst []byte, d Datetime, fsp uint16) ([]byte, error) {
	if !d.valid() {
		return dst, ErrRange
	}
	return appendFraction(appendBE(dst, d.packed()|1<<39, 5), d.Micro, fsp), nil
}

// DecodeTimestamp returns a TIMESTAMP2 of fsp fraction digits: seconds since
// 1970 UTC and microseconds. Both 0 mean '0000-00-00 00:00:00'.
func DecodeTimestamp(b []byte, fsp uint16) (sec, micro uint32) {
	return uint32(beUint(b[:4])), decodeFraction(b[4 : 4+fractionBytes(fsp)])
}

// AppendTimestamp appends a TIMESTAMP2 of fsp fraction digits; digits beyond
// are cut off. The error is ErrRange.
func AppendTimestamp(dst []byte, sec, micro uint32, fsp uint16) ([]byte, error) {
	if micro > 999_999 {
		return dst, ErrRange
	}
	return appendFraction(appendBE(dst, uint64(sec), 4), micro, fsp), nil
}

// DecodeTime returns a TIME2 of fsp fraction digits as signed microseconds.
func DecodeTime(b []byte, fsp uint16) int64 {
	n := int(fractionBytes(fsp))
	v := int64(beUint(b[:3+n])) - 0x800000<<(8*n)
	neg := v < 0
	if neg {
		v = -v
	}
	hms := v >> (8 * n)
	frac := v - hms<<(8*n)
	t := (hms>>12*3600+hms>>6&63*60+hms&63)*1_000_000 + frac*int64(fractionUnit[n])
	if neg {
		return -t
	}
	return t
}

// AppendTime appends a TIME2 given as signed microseconds, with fsp fraction
// digits; digits beyond are cut off. The error is ErrRange.
func AppendTime(dst []byte, micros int64, fsp uint16) ([]byte, error) {
	t := micros
	if t < 0 {
		t = -t
	}
	if t < 0 || t > MaxTime {
		return dst, ErrRange
	}
	n := fractionBytes(fsp)
	sec := uint64(t / 1_000_000)
	frac := cutFraction(uint32(t%1_000_000), fsp) / fractionUnit[n]
	v := (sec/3600<<12|sec/60%60<<6|sec%60)<<(8*n) | uint64(frac)
	if micros < 0 {
		v = -v
	}
	return appendBE(dst, v+0x800000<<(8*n), 3+int(n)), nil
}

// String formats the value as MySQL does, without trailing fraction zeros.
func (d Datetime) String() string {
	s := fmt.Sprintf("%04d-%02d-%02d %02d:%02d:%02d", d.Year, d.Month, d.Day, d.Hour, d.Minute, d.Second)
	if d.Micro != 0 {
		s += fmt.Sprintf(".%06d", d.Micro)
	}
	return s
}
