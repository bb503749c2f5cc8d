package binlog

import "binrelay/binlog/event"

// Describe returns what SHOW BINLOG EVENTS prints for an event: Event_type and
// Info. checksum says that the event ends in a CRC32. A malformed event has an
// empty Info. Table names of rows events need the Table_map before them, which
// SHOW BINLOG EVENTS does not print for them either.
func Describe(ev event.Event, checksum bool) (typeName, info string) { panic("soon") }
