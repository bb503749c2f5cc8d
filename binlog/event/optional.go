package event

// Optional metadata follow the null bitmap of a Table_map: fields of type (1
// byte), length (packed) and value. Bitmaps have the first column in the top
// bit. Source: MySQL 8.0 internals, "Table_map_event".
const (
	optSignedness        = 1  // bitmap over numeric columns, 1 = unsigned
	optDefaultCharset    = 2  // collation of most character columns, then pairs of index among them and collation
	optColumnCharset     = 3  // collation of each character column
	optNames             = 4  // name of each column
	optSetMembers        = 5  // for each SET column: number, then strings
	optEnumMembers       = 6  // the same for ENUM columns
	optGeometry          = 7  // type of each GEOMETRY column
	optSimplePrimaryKey  = 8  // column indexes
	optPrefixPrimaryKey  = 9  // pairs of column index and prefix in characters, 0 = none
	optEnumSetDefault    = 10 // as 2, over ENUM and SET columns
	optEnumSetCollations = 11 // as 3, over ENUM and SET columns
	optVisibility        = 12 // bitmap over all columns, 1 = visible
)

// appendMinimal appends what binlog_row_metadata=MINIMAL has.
func (m *TableMapInfo) appendMinimal(dst []byte) []byte {
	dst = m.appendBitmap(dst, optSignedness, numeric, func(c *Column) bool { return c.Unsigned })
	dst = m.appendCollations(dst, optDefaultCharset, character)
	return m.appendField(dst, optGeometry, geometry, func(dst []byte, c *Column) []byte {
		return appendPacked(dst, uint64(c.Geometry))
	})
}

// appendFull appends what binlog_row_metadata=FULL has beyond MINIMAL.
func (m *TableMapInfo) appendFull(dst []byte) []byte {
	dst = m.appendField(dst, optNames, anyColumn, func(dst []byte, c *Column) []byte {
		return append(appendPacked(dst, uint64(len(c.Name))), c.Name...)
	})
	dst = m.appendCollations(dst, optEnumSetDefault, enumOrSet)
	dst = m.appendField(dst, optSetMembers, set, appendMembers)
	dst = m.appendField(dst, optEnumMembers, enum, appendMembers)
	dst = m.appendPrimaryKey(dst)
	return m.appendBitmap(dst, optVisibility, anyColumn, func(c *Column) bool { return !c.Invisible })
}

// each calls f for every column of a kind with its index among them.
func (m *TableMapInfo) each(kind func(*Column) bool, f func(i int, c *Column)) (n int) {
	for i := range m.Columns {
		if c := &m.Columns[i]; kind(c) {
			f(n, c)
			n++
		}
	}
	return n
}

// appendField appends one field made of an entry for each column of a kind,
// nothing if there is no such column.
func (m *TableMapInfo) appendField(dst []byte, field byte, kind func(*Column) bool, entry func([]byte, *Column) []byte) []byte {
	var value []byte
	if m.each(kind, func(_ int, c *Column) { value = entry(value, c) }) == 0 {
		return dst
	}
	return appendTLV(dst, field, value)
}

func appendTLV(dst []byte, field byte, value []byte) []byte {
	return append(appendPacked(append(dst, field), uint64(len(value))), value...)
}

func appendMembers(dst []byte, c *Column) []byte {
	dst = appendPacked(dst, uint64(len(c.Members)))
	for _, s := range c.Members {
		dst = append(appendPacked(dst, uint64(len(s))), s...)
	}
	return dst
}

func (m *TableMapInfo) appendBitmap(dst []byte, field byte, kind, bit func(*Column) bool) []byte {
	var value []byte
	n := m.each(kind, func(i int, c *Column) {
		if i%8 == 0 {
			value = append(value, 0)
		}
		if bit(c) {
			value[i/8] |= 0x80 >> (i % 8)
		}
	})
	if n == 0 {
		return dst
	}
	return appendTLV(dst, field, value)
}

// appendCollations appends the collations of the columns of a kind as default
// and exceptions (field) or one for each (field+1), whichever is shorter.
func (m *TableMapInfo) appendCollations(dst []byte, field byte, kind func(*Column) bool) []byte {
	count := map[uint16]int{}
	most := uint16(0)
	m.each(kind, func(_ int, c *Column) {
		count[c.Collation]++
		if n := count[c.Collation]; n > count[most] || len(count) == 1 {
			most = c.Collation
		}
	})
	if len(count) == 0 {
		return dst
	}
	var listed []byte
	short := appendPacked(nil, uint64(most))
	m.each(kind, func(i int, c *Column) {
		listed = appendPacked(listed, uint64(c.Collation))
		if c.Collation != most {
			short = appendPacked(appendPacked(short, uint64(i)), uint64(c.Collation))
		}
	})
	if len(short) <= len(listed) {
		return appendTLV(dst, field, short)
	}
	return appendTLV(dst, field+1, listed)
}

func (m *TableMapInfo) appendPrimaryKey(dst []byte) []byte {
	if len(m.PrimaryKey) == 0 {
		return dst
	}
	prefixes := false
	for _, n := range m.PrimaryPrefix {
		prefixes = prefixes || n != 0
	}
	field := byte(optSimplePrimaryKey)
	if prefixes {
		field = optPrefixPrimaryKey
	}
	var value []byte
	for i, column := range m.PrimaryKey {
		value = appendPacked(value, uint64(column))
		if prefixes {
			value = appendPacked(value, uint64(m.PrimaryPrefix[i]))
		}
	}
	return appendTLV(dst, field, value)
}

// decodeOptional reads the fields in b into m.
func (m *TableMapInfo) decodeOptional(b []byte) error {
	r := reader{b: b}
	for len(r.b) > 0 && !r.bad {
		field := r.u8()
		v := reader{b: r.take(r.packed())}
		if r.bad {
			break
		}
		switch field {
		case optSignedness:
			m.Has |= HasSignedness
			m.readBitmap(&v, numeric, func(c *Column, bit bool) { c.Unsigned = bit })
		case optDefaultCharset:
			m.Has |= HasCharsets
			m.readDefault(&v, character)
		case optColumnCharset:
			m.Has |= HasCharsets
			m.each(character, func(_ int, c *Column) { c.Collation = uint16(v.packed()) })
		case optNames:
			m.Has |= HasNames
			m.each(anyColumn, func(_ int, c *Column) { c.Name = string(v.take(v.packed())) })
		case optSetMembers:
			m.Has |= HasSetMembers
			m.each(set, func(_ int, c *Column) { c.Members = v.members() })
		case optEnumMembers:
			m.Has |= HasEnumMembers
			m.each(enum, func(_ int, c *Column) { c.Members = v.members() })
		case optGeometry:
			m.Has |= HasGeometry
			m.each(geometry, func(_ int, c *Column) { c.Geometry = uint32(v.packed()) })
		case optSimplePrimaryKey, optPrefixPrimaryKey:
			m.Has |= HasPrimaryKey
			m.readPrimaryKey(&v, field == optPrefixPrimaryKey)
		case optEnumSetDefault:
			m.Has |= HasEnumSetCharsets
			m.readDefault(&v, enumOrSet)
		case optEnumSetCollations:
			m.Has |= HasEnumSetCharsets
			m.each(enumOrSet, func(_ int, c *Column) { c.Collation = uint16(v.packed()) })
		case optVisibility:
			m.Has |= HasVisibility
			m.readBitmap(&v, anyColumn, func(c *Column, bit bool) { c.Invisible = !bit })
		}
		if v.bad {
			return malformed("optional metadata %d of Table_map", field)
		}
	}
	return r.done("optional metadata of Table_map")
}

func (m *TableMapInfo) readBitmap(v *reader, kind func(*Column) bool, put func(c *Column, bit bool)) {
	var c byte
	m.each(kind, func(i int, col *Column) {
		if i%8 == 0 {
			c = v.u8()
		}
		put(col, c&0x80 != 0)
		c <<= 1
	})
}

// readDefault reads a default collation and the exceptions from it.
func (m *TableMapInfo) readDefault(v *reader, kind func(*Column) bool) {
	common := uint16(v.packed())
	except := map[uint64]uint16{}
	for len(v.b) > 0 && !v.bad {
		i := v.packed()
		collation := uint16(v.packed())
		if i >= uint64(len(m.Columns)) {
			v.bad = true
			return
		}
		except[i] = collation
	}
	m.each(kind, func(i int, c *Column) {
		c.Collation = common
		if other, ok := except[uint64(i)]; ok {
			c.Collation = other
		}
	})
}

func (m *TableMapInfo) readPrimaryKey(v *reader, prefixes bool) {
	m.PrimaryKey, m.PrimaryPrefix = nil, nil
	for len(v.b) > 0 && !v.bad {
		column := v.packed()
		if column >= uint64(len(m.Columns)) || len(m.PrimaryKey) == len(m.Columns) {
			v.bad = true
			return
		}
		m.PrimaryKey = append(m.PrimaryKey, int(column))
		if prefixes {
			m.PrimaryPrefix = append(m.PrimaryPrefix, int(uint32(v.packed())))
		}
	}
}

// members reads the member list of one ENUM or SET column.
func (r *reader) members() []string {
	n := r.packed()
	if n > uint64(len(r.b)) {
		r.bad = true
		return nil
	}
	list := make([]string, 0, n)
	for range n {
		list = append(list, string(r.take(r.packed())))
		if r.bad {
			return nil
		}
	}
	return list
}
