package event

// A LOAD DATA that is logged as a statement sends the file first:
//
//	Begin_load_query, Append_block   file id 4 | bytes of the file
//	Execute_load_query               as Query, but between its fixed part and its status variables
//	                                 file id 4 | begin 4 | end 4 | duplicates 1
//
// begin and end enclose, in the statement's text, what says where the file is,
// up to INTO: " LOCAL INFILE 'name' IGNORE INTO". Source: MySQL 8.0 internals,
// "Execute_load_query_event".

// queryFixed is the length of the fixed part of a Query event.
const queryFixed = 13

// What LOAD DATA does with rows that are there already.
const (
	LoadDuplicatesFail    byte = 0
	LoadDuplicatesIgnore  byte = 1
	LoadDuplicatesReplace byte = 2
)

// LoadInfo is the content of an Execute_load_query event.
type LoadInfo struct {
	Query      QueryInfo
	FileID     uint32
	Begin, End int // in Query.SQL
	Duplicates byte
}

// DecodeLoadBlock decodes a Begin_load_query or Append_block event. data is a
// view of ev.
func DecodeLoadBlock(ev Event, checksum bool) (fileID uint32, data []byte, err error) {
	b, err := body(ev, checksum, BeginLoadQuery, AppendBlock)
	if err != nil {
		return 0, nil, err
	}
	if len(b) < 4 {
		return 0, nil, malformed("block of a file with %d bytes", len(b))
	}
	r := reader{b: b}
	return r.u32(), b[4:], nil
}

// DecodeLoad decodes an Execute_load_query event. Strings are copies.
func DecodeLoad(ev Event, checksum bool) (LoadInfo, error) {
	b, err := body(ev, checksum, ExecuteLoadQuery)
	if err != nil {
		return LoadInfo{}, err
	}
	const extra = 4 + 4 + 4 + 1
	if len(b) < queryFixed+extra {
		return LoadInfo{}, malformed("Execute_load_query of %d bytes", len(b))
	}
	r := reader{b: b[queryFixed:]}
	l := LoadInfo{FileID: r.u32(), Begin: int(r.u32()), End: int(r.u32()), Duplicates: r.u8()}
	own := append(append(make([]byte, 0, len(b)-extra), b[:queryFixed]...), b[queryFixed+extra:]...)
	if l.Query, err = decodeQuery(own); err != nil {
		return LoadInfo{}, err
	}
	if l.Begin > l.End || l.End > len(l.Query.SQL) || l.Duplicates > LoadDuplicatesReplace {
		return LoadInfo{}, malformed("Execute_load_query: file between %d and %d of %d, duplicates %d", l.Begin, l.End, len(l.Query.SQL), l.Duplicates)
	}
	return l, nil
}
