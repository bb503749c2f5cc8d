package sql

import (
	"strings"
	"testing"
)

// Each text is MySQL's; a TIME is more than a time of day.
func TestTimeFunctions(t *testing.T) {
	ts := newTestServer(t, nil)
	c := ts.client()
	c.exec("SET time_zone = '+00:00'", "CREATE DATABASE d", "USE d", "CREATE TABLE t (id INT PRIMARY KEY, a TIME(3), b TIME, d DATE, w DATETIME(6))",
		"INSERT INTO t VALUES (1, '-12:30:45.678', '100:00:00', '2024-02-29', '2024-02-29 12:30:45.123456')")
	for expr, want := range map[string]string{
		"MAKEDATE(2024, 60)":                            "2024-02-29",
		"MAKEDATE(99, 1)":                               "1999-01-01",
		"MAKEDATE(2024, 0)":                             "NULL",
		"MAKETIME(-1, 0, 59.5)":                         "-01:00:59.5",
		"MAKETIME(900, 0, 0)":                           "838:59:59",
		"MAKETIME(1, 60, 0)":                            "NULL",
		"SEC_TO_TIME(2378)":                             "00:39:38",
		"SEC_TO_TIME(-1e9)":                             "-838:59:59",
		"ADDTIME('10:11:12', '01:00:00')":               "11:11:12",
		"ADDTIME(TIME '10:00:00', '1 1:1:1.000002')":    "35:01:01.000002",
		"SUBTIME(TIMESTAMP '2024-01-01', '01:00:00')":   "2023-12-31 23:00:00",
		"SUBTIME('2024-01-01 00:00:00', '00:00:01')":    "2023-12-31 23:59:59",
		"PERIOD_ADD(202401, 2)":                         "202403",
		"PERIOD_ADD(9912, 1)":                           "200001",
		"PERIOD_DIFF(202401, 9912)":                     "289",
		"TO_SECONDS('2009-11-29')":                      "63426672000",
		"TO_SECONDS(950501)":                            "62966505600",
		"TIMESTAMP('2003-12-31', '12:00:00')":           "2003-12-31 12:00:00",
		"UNIX_TIMESTAMP(TIMESTAMP(DATE '2024-02-29'))":  "1709164800",
		"HOUR('272:59:59')":                             "272",
		"HOUR(TIME '100:00:00')":                        "100",
		"HOUR(DATE '2024-01-01')":                       "0",
		"HOUR(101112)":                                  "10",
		"MINUTE('2008-02-03 10:05:03')":                 "5",
		"MICROSECOND('12:00:00.123456')":                "123456",
		"TIME('2003-12-31 01:02:03')":                   "01:02:03",
		"TIME('-1 2:3:4')":                              "-26:03:04",
		"TIME('12:60:00')":                              "NULL",
		"TIME(1230)":                                    "00:12:30",
		"CAST(TIMESTAMP '2023-12-31 23:59:59' AS TIME)": "23:59:59",
		"CAST('12:30:45.678' AS TIME)":                  "12:30:46",
		"CAST('12:30:45.678' AS TIME(2))":               "12:30:45.68",
		"DATE '2024-02-29' - INTERVAL 1 MONTH":          "2024-01-29",
		"'2024-02-29' + INTERVAL 1 HOUR":                "2024-02-29 01:00:00",
		"INTERVAL 1 DAY + DATE '2024-02-29'":            "2024-03-01",
		"~1":                                            "18446744073709551614",
		"~-3":                                           "2",
		"~18446744073709551615":                         "0",
		"(SELECT HOUR(a) FROM t)":                       "12",
		"(SELECT HOUR(b) FROM t)":                       "100",
		"(SELECT TIMESTAMP(d, a) FROM t)":               "2024-02-28 11:29:14.322",
		"(SELECT ADDTIME(w, a) FROM t)":                 "2024-02-28 23:59:59.445456",
		"(SELECT ADDTIME(a, b) FROM t)":                 "87:29:14.322",
		"(SELECT w - INTERVAL 1 DAY FROM t)":            "2024-02-28 12:30:45.123456",
		"(SELECT COUNT(*) FROM t WHERE w + INTERVAL 1 DAY > '2024-03-01')": "1",
	} {
		got := c.rows("SELECT " + expr)
		if strings.Contains(got, ".") { // as many digits as the type has
			got = strings.TrimRight(strings.TrimRight(got, "0"), ".")
		}
		if !strings.Contains(want, ":") {
			got = strings.TrimSuffix(got, " 00:00:00")
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", expr, got, want)
		}
	}
	c.fails(1582, "SELECT MAKEDATE(1)")
	c.fails(1210, "SELECT PERIOD_ADD(202413, 1)")
	if _, err := c.query("SELECT TIME('x')"); err != nil {
		t.Fatal(err)
	}
	c.want("SHOW WARNINGS", "Warning|1292|Truncated incorrect time value: 'x'")
}
