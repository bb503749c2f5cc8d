package wire

import (
	"bytes"
	"math"
	"strconv"

	"github.com/dolthub/vitess/go/sqltypes"
	querypb "github.com/dolthub/vitess/go/vt/proto/query"

	"binrelay/binlog/rowimage"
)

// fixedFloat marks, in what floatDigits returns, columns with fixed decimals.
const fixedFloat = 100

// floatDigits returns for each column how many significant digits its text has:
// 6 for FLOAT, 17 for DOUBLE, fixedFloat and the decimals for FLOAT(M,D), 0 for
// other types; nil if there is none.
func floatDigits(fields []*querypb.Field) []int {
	var out []int
	for i, f := range fields {
		digits := 0
		switch f.Type {
		case sqltypes.Float32:
			digits = 6
		case sqltypes.Float64:
			digits = 17
		default:
			continue
		}
		if f.Decimals > 0 && f.Decimals <= 30 {
			digits = fixedFloat + int(f.Decimals)
		}
		if out == nil {
			out = make([]int, len(fields))
		}
		out[i] = digits
	}
	return out
}

// floatTexts gives the FLOAT and DOUBLE values of a row the text that MySQL
// prints, where the engine's differs.
func floatTexts(row []sqltypes.Value, digits []int) {
	for i, d := range digits {
		if d == 0 || row[i].IsNull() {
			continue
		}
		raw := row[i].Raw()
		if d >= fixedFloat {
			if x, err := strconv.ParseFloat(string(raw), 64); err == nil {
				row[i] = sqltypes.MakeTrusted(row[i].Type(), strconv.AppendFloat(nil, x, 'f', d-fixedFloat, 64))
			}
			continue
		}
		if d == 17 && bytes.IndexByte(raw, 'e') < 0 || len(raw) <= 6 && bytes.IndexByte(raw, 'e') < 0 {
			continue
		}
		x, err := strconv.ParseFloat(string(raw), 64)
		if err != nil || math.IsInf(x, 0) || math.IsNaN(x) {
			continue
		}
		row[i] = sqltypes.MakeTrusted(row[i].Type(), rowimage.AppendFloatText(nil, x, d))
	}
}
