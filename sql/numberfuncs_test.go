package sql

import "testing"

// ROUND, TRUNCATE, SIGN, CAST and the weeks of a year are as in MySQL.
func TestServer_NumberFunctions(t *testing.T) {
	ts := newTestServer(t, nil)
	c := ts.client()
	c.exec("SET time_zone = '+00:00'")
	for query, want := range map[string]string{
		"SELECT SIGN(0.001), SIGN(-0.4), SIGN('x'), SIGN(0), SIGN(NULL)":                                                                                     "1|-1|0|0|NULL",
		"SELECT ROUND(2.345, 2), ROUND(1, 3), ROUND(1.5, 3), ROUND(1.5, -1), ROUND(-2.5), ROUND(155, -1), ROUND(-155, -2)":                                   "2.35|1|1.500|0|-3|160|-200",
		"SELECT ROUND(2.5e0), ROUND('3.5'), ROUND(1.005e0, 2), TRUNCATE(1.5, 3), TRUNCATE(129, -1), TRUNCATE(-1.99, 1)":                                      "2|4|1|1.500|120|-1.9",
		"SELECT CAST(1234.5 AS DECIMAL(3,1)), CAST(-1234.5 AS DECIMAL(3,1)), CAST('1.25' AS DECIMAL(5,1)), CAST(2.5 AS DECIMAL)":                             "99.9|-99.9|1.3|3",
		"SELECT CAST(-1.5 AS UNSIGNED), CAST(-1e30 + 0.0 AS SIGNED), CAST(CAST(-2.4 AS DECIMAL(5,1)) AS UNSIGNED), CAST(18446744073709551615.4 AS UNSIGNED)": "18446744073709551614|-9223372036854775808|18446744073709551614|18446744073709551615",
		"SELECT CAST('12x' AS SIGNED), CAST(-1 AS UNSIGNED), CAST(2.5 AS SIGNED), CAST(2.5e0 AS SIGNED), CAST(' -7.9' AS SIGNED)":                            "12|18446744073709551615|3|2|-7",
		"SELECT BIN(-8), BIN(3.7), OCT(-8), BIN('12x')":                                                                                                      "1111111111111111111111111111111111111111111111111111111111111000|11|1777777777777777777770|1100",
		"SELECT WEEK('2023-01-01', 3), WEEK('2023-01-01', 7), WEEK('2000-01-01', 2), WEEK('2008-12-31', 3), WEEK('2024-12-30', 6), WEEK('2023-01-01')":       "52|52|52|1|1|1",
		"SELECT YEARWEEK('2000-01-01'), YEARWEEK('2023-01-01', 3), WEEKOFYEAR('2023-01-01')":                                                                 "199952|202252|52",
		"SELECT FROM_UNIXTIME(0), FROM_UNIXTIME(-1), FROM_UNIXTIME(0, '%Y'), FROM_UNIXTIME(32536771200)":                                                     "1970-01-01 00:00:00|NULL|1970|NULL",
		"SELECT TIMEDIFF('2024-01-01 00:00:00', '2020-01-01 00:00:00'), TIMEDIFF('2024-01-01 00:00:00', '10:00:00')":                                         "838:59:59|NULL",
	} {
		c.want(query, want)
	}
	for query, want := range map[string]string{
		"SELECT CAST('12x' AS SIGNED)":         "Warning|1292|Truncated incorrect INTEGER value: '12x'",
		"SELECT CAST('12x' AS DECIMAL(5,2))":   "Warning|1292|Truncated incorrect DECIMAL value: '12x'",
		"SELECT CAST(100 AS DECIMAL(2))":       "Warning|1264|Out of range value for column 'cast(100 as decimal(2,0))' at row 1",
		"SELECT TIMEDIFF('838:00:00', '-1:0')": "Warning|1292|Truncated incorrect time value: '839:00:00'",
	} {
		if _, err := c.query(query); err != nil {
			t.Fatal(err)
		}
		c.want("SHOW WARNINGS", want)
	}
}
