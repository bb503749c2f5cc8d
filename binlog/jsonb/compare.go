package jsonb

import (
	"bytes"
	"cmp"
	"math/big"
	"strconv"
)

// Compare orders two values as MySQL does: by kind, null first; numbers of any
// kind by their exact value; strings by their bytes; arrays element by element;
// objects by number of members, keys, then values.
func Compare(a, b Value) int {
	ka, kb := a.Kind(), b.Kind()
	if ka.number() && kb.number() {
		return compareNumbers(a, b)
	}
	if ra, rb := ka.rank(), kb.rank(); ra != rb {
		return cmp.Compare(ra, rb)
	}
	switch ka {
	case Bool:
		return cmp.Compare(a.data[0], b.data[0]) * -1 // true is 1, false 2
	case String:
		return bytes.Compare(a.Bytes(), b.Bytes())
	case Array:
		return compareArrays(a, b)
	case Object:
		return compareObjects(a, b)
	case Date, Time, Datetime, Timestamp:
		return cmp.Compare(a.packed(), b.packed())
	case Opaque:
		if c := cmp.Compare(a.OpaqueType(), b.OpaqueType()); c != 0 {
			return c
		}
		return bytes.Compare(a.Bytes(), b.Bytes())
	}
	return 0
}

func (k Kind) number() bool { return k >= Int && k <= Double }

// rank is the kind, with one value for kinds that are compared with each other.
func (k Kind) rank() Kind {
	switch {
	case k.number():
		return Int
	case k == Timestamp:
		return Datetime
	}
	return k
}

func compareArrays(a, b Value) int {
	ta, _ := a.table()
	tb, _ := b.table()
	for i := range min(ta.count, tb.count) {
		x, _ := ta.value(i)
		y, _ := tb.value(i)
		if c := Compare(x, y); c != 0 {
			return c
		}
	}
	return cmp.Compare(ta.count, tb.count)
}

func compareObjects(a, b Value) int {
	ta, _ := a.table()
	tb, _ := b.table()
	if c := cmp.Compare(ta.count, tb.count); c != 0 {
		return c
	}
	for i := range ta.count {
		if c := compareKeys(ta.key(i), tb.key(i)); c != 0 {
			return cmp.Compare(c, 0)
		}
		x, _ := ta.value(i)
		y, _ := tb.value(i)
		if c := Compare(x, y); c != 0 {
			return c
		}
	}
	return 0
}

func compareNumbers(a, b Value) int {
	switch ka, kb := a.Kind(), b.Kind(); {
	case ka == Int && kb == Int:
		return cmp.Compare(a.Int(), b.Int())
	case ka == Double && kb == Double:
		return cmp.Compare(a.Float(), b.Float())
	case ka == Decimal || kb == Decimal, ka == Double || kb == Double:
		return a.rational().Cmp(b.rational())
	case ka == Int && a.Int() < 0:
		return -1
	case kb == Int && b.Int() < 0:
		return 1
	}
	return cmp.Compare(a.magnitude(), b.magnitude())
}

// magnitude is an integer that is not negative.
func (v Value) magnitude() uint64 {
	if v.Kind() == Int {
		return uint64(v.Int())
	}
	return v.Uint()
}

func (v Value) rational() *big.Rat {
	r := new(big.Rat)
	switch v.Kind() {
	case Int:
		r.SetInt64(v.Int())
	case Uint:
		r.SetUint64(v.Uint())
	case Double:
		r.SetString(strconv.FormatFloat(v.Float(), 'g', -1, 64)) // the digits shown, as MySQL
	default:
		r.SetString(string(v.appendDecimal(nil)))
	}
	return r
}

// Contains reports whether b is contained in a: an object in one that has its
// members, an array in one that contains each of its elements, another value in
// an array with it or in an equal value. It is what JSON_CONTAINS tells.
func Contains(a, b Value) bool {
	switch ka, kb := a.Kind(), b.Kind(); {
	case ka == Array && kb == Array:
		for i := range b.Len() {
			if !hasElement(a, b.At(i)) {
				return false
			}
		}
		return true
	case ka == Array:
		return hasElement(a, b)
	case ka == Object && kb == Object:
		for i := range b.Len() {
			c, ok := a.Find(b.Key(i))
			if !ok || !Contains(c, b.At(i)) {
				return false
			}
		}
		return true
	case ka == Object || kb == Object || kb == Array:
		return false
	}
	return Compare(a, b) == 0
}

func hasElement(a, b Value) bool {
	for i := range a.Len() {
		if Contains(a.At(i), b) {
			return true
		}
	}
	return false
}
