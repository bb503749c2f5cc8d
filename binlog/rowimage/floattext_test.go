package rowimage_test

import (
	"testing"

	"binrelay/binlog/rowimage"
)

// The texts are what MariaDB 10.11 prints for the same values, and MySQL's
// manual agrees.
func TestAppendFloatText(t *testing.T) {
	for _, tc := range []struct {
		x      float64
		digits int
		want   string
	}{
		{0, 17, "0"}, {1, 17, "1"}, {-1.5, 17, "-1.5"}, {1500000, 17, "1500000"}, {1234567.25, 17, "1234567.25"},
		{1e14, 17, "100000000000000"}, {1e15, 17, "1e15"}, {1.5e20, 17, "1.5e20"}, {-1e100, 17, "-1e100"},
		{0.00001, 17, "0.00001"}, {1e-7, 17, "0.0000001"}, {1e-15, 17, "0.000000000000001"}, {1e-16, 17, "1e-16"}, {1.25e-20, 17, "1.25e-20"},
		{0.1, 17, "0.1"}, {1.0 / 3, 17, "0.3333333333333333"}, {9007199254740993, 17, "9.007199254740992e15"},
		{123456.789, 6, "123457"}, {16777216, 6, "16777200"}, {0.1, 6, "0.1"}, {1e10, 6, "10000000000"}, {3.4028234e38, 6, "3.40282e38"},
	} {
		if got := string(rowimage.AppendFloatText(nil, tc.x, tc.digits)); got != tc.want {
			t.Errorf("%v: %s, want %s", tc.x, got, tc.want)
		}
	}
}
