package gtid

import "errors"

// ErrSyntax means that text is no UUID, GTID or set. ErrMalformed means the
// same of a binary form.
var (
	ErrSyntax    = errors.New("gtid: malformed text")
	ErrMalformed = errors.New("gtid: malformed binary set")
)

func ParseUUID(s string) (UUID, error) { panic("pending") }
func (u UUID) String() string          { panic("pending") }
func (u UUID) IsZero() bool            { return u == UUID{} }

// AppendText appends the 36-character form.
func (u UUID) AppendText(dst []byte) []byte { panic("pending") }

// MaxGNO is the greatest number of a transaction.
const MaxGNO = 1<<63 - 2

func Parse(s string) (GTID, error) { panic("pending") }
func (g GTID) String() string      { panic("pending") }

// Interval is a range of numbers, both ends included.
type Interval struct{ First, Last int64 }

// Set is an immutable set of GTIDs; the zero value is empty. Safe to copy and share.
type Set struct{ m map[UUID][]Interval }

func ParseSet(s string) (Set, error)          { panic("pending") }
func (s Set) String() string                  { panic("pending") }
func (s Set) IsEmpty() bool                   { return len(s.m) == 0 }
func (s Set) Add(g GTID) Set                  { panic("pending") }
func (s Set) AddRange(u UUID, i Interval) Set { panic("pending") }
func (s Set) Union(t Set) Set                 { panic("pending") }
func (s Set) Subtract(t Set) Set              { panic("pending") }
func (s Set) Intersect(t Set) Set             { panic("pending") }
func (s Set) Contains(g GTID) bool            { panic("pending") }
func (s Set) ContainsSet(t Set) bool          { panic("pending") }
func (s Set) Equal(t Set) bool                { panic("pending") }

// Next returns the lowest free GNO of u that is greater than none used: 1 for an unknown u.
func (s Set) Next(u UUID) int64 { panic("pending") }

// Count returns the number of transactions in s.
func (s Set) Count() uint64               { panic("pending") }
func (s Set) UUIDs() []UUID               { panic("pending") }
func (s Set) Intervals(u UUID) []Interval { panic("pending") }

// Append appends the binary form (Previous_gtids body, COM_BINLOG_DUMP_GTID).
func (s Set) Append(dst []byte) []byte { panic("pending") }
func (s Set) BinarySize() int          { panic("pending") }
func Decode(b []byte) (Set, error)     { panic("pending") }

// Builder collects GTIDs in place, cheaply. Not safe for concurrent use.
type Builder struct{ m map[UUID][]Interval }

func NewBuilder(s Set) *Builder         { panic("pending") }
func (b *Builder) Add(g GTID) bool      { panic("pending") }
func (b *Builder) AddSet(s Set)         { panic("pending") }
func (b *Builder) Contains(g GTID) bool { panic("pending") }
func (b *Builder) Next(u UUID) int64    { panic("pending") }

// Set returns what was added so far; the Builder may be used on.
func (b *Builder) Set() Set { panic("pending") }
