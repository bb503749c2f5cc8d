package rowimage

// ConversionError is a column that cannot be converted; the edge writes it as
// error 13146 (ER_SERVER_SLAVE_CONVERSION_FAILED) or 1677.
type ConversionError struct {
	Column                 int // from 0
	Name                   string
	SourceType, TargetType string // as MySQL prints them: "varchar(20(bytes))", "int"
}

func (e *ConversionError) Error() string { panic("stub") }

// Compatible reports whether a full image of the remote columns may be stored
// as is in a table of the local columns; why names the first difference.
func Compatible(local, remote []Column) (asIs bool, why string) { panic("stub") }

// Converter turns images of a remote definition into images of a local one,
// as MySQL does with an empty replica_type_conversions. Safe for concurrent use.
type Converter struct{}

// NewConverter compiles the conversion or returns a *ConversionError.
// Columns beyond the shorter list are ignored (remote) or taken from defaults
// (local), a full image of the local layout; nil stands for NULLs and zeros.
func NewConverter(local, remote *Layout, defaults []byte) (*Converter, error) { panic("stub") }

// Append appends to dst the local image of the remote full image.
func (c *Converter) Append(dst, image []byte) ([]byte, error) { panic("stub") }

// AppendPartial appends to dst a local partial image of the columns present in
// the remote partial image at the front of data, and to localPresent[:0] its
// bitmap. n is the length of the remote image.
func (c *Converter) AppendPartial(dst, localPresent, data, present []byte) (out, bitmap []byte, n int, err error) {
	panic("stub")
}
