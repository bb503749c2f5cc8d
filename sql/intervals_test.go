package sql

import "testing"

// Intervals have fractions and units of several numbers; a date stays a date, and
// a time a time, where nothing smaller or larger comes in.
func TestServer_Intervals(t *testing.T) {
	ts := newTestServer(t, nil)
	c := ts.client()
	for query, want := range map[string]string{
		"SELECT DATE_ADD('2024-01-01', INTERVAL 1.5 SECOND), DATE_SUB('2024-01-01', INTERVAL 1.5 DAY), ADDDATE('2024-01-01', 31)":                            "2024-01-01 00:00:01.500000|2023-12-30|2024-02-01",
		"SELECT DATE_ADD('2024-01-01', INTERVAL '1:30' HOUR_MINUTE), '2024-01-01' + INTERVAL '-1 1' DAY_HOUR":                                                "2024-01-01 01:30:00|2023-12-30 23:00:00",
		"SELECT DATE_ADD('2024-01-31', INTERVAL '1-1' YEAR_MONTH), DATE_ADD('2024-01-01', INTERVAL '1 2:3:4.5' DAY_MICROSECOND)":                             "2025-02-28|2024-01-02 02:03:04.500000",
		"SELECT DATE_ADD('2024-01-01', INTERVAL 130 HOUR_MINUTE), DATE_ADD('2024-01-01', INTERVAL 1.30 HOUR_MINUTE)":                                         "2024-01-01 02:10:00|2024-01-01 01:30:00",
		"SELECT TIMESTAMPADD(MONTH, 1, '2024-01-31'), TIMESTAMPADD(QUARTER, -1, '2024-05-31'), INTERVAL 1 YEAR + '2024-02-29'":                               "2024-02-29|2024-02-29|2025-02-28",
		"SELECT DATE_ADD(NULL, INTERVAL 1 DAY), DATE_ADD('2024-01-01', INTERVAL NULL DAY), DATE_ADD('9999-12-31', INTERVAL 1 DAY)":                           "NULL|NULL|NULL",
		"SELECT EXTRACT(DAY_HOUR FROM '2024-01-02 03:04:05')":                                                                                                "203",
		"SELECT TIME '10:00:00' + INTERVAL 1 HOUR, '2024-01-01' + INTERVAL 1 DAY, TIME '838:00:00' + INTERVAL 1 HOUR":                                        "11:00:00|2024-01-02|NULL",
		"SELECT CAST(DATE '2024-01-01' + INTERVAL 1 HOUR AS CHAR), CAST(TIMESTAMP '2024-01-01 00:00:00' + INTERVAL 0.25 SECOND AS CHAR), 2 > INTERVAL(1, 0)": "2024-01-01 01:00:00|2024-01-01 00:00:00.25|true",
	} {
		c.want(query, want)
	}
	if _, err := c.query("SELECT DATE_ADD('9999-12-31', INTERVAL 1 DAY)"); err != nil {
		t.Fatal(err)
	}
	c.want("SHOW WARNINGS", "Warning|1441|Datetime function: datetime field overflow")
	c.exec("CREATE DATABASE d", "USE d", "CREATE TABLE t (d DATE)")
	c.fails(1441, "INSERT INTO t VALUES (DATE_ADD('9999-12-31', INTERVAL 1 DAY))")
}
