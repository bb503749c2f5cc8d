package sql

import (
	"strings"
	"testing"
)

// What goes in as text, as CAST, from a function, a trigger, a parameter and
// another table comes out as MySQL prints it: whole doubles, integers of 64
// bits and the order of the keys are kept.
func TestJSON_StoredAsMySQLDoes(t *testing.T) {
	ts := newTestServer(t, nil)
	c := ts.client()
	c.exec("CREATE DATABASE d", "USE d", "CREATE TABLE t (id INT PRIMARY KEY, j JSON)")
	for _, tc := range []struct{ value, want string }{
		{`'{"b":1,"aa":2,"a":[1,2.0,1e2,-0.0,9007199254740993,18446744073709551615],"b":"x"}'`,
			`{"a": [1, 2.0, 100.0, -0.0, 9007199254740993, 18446744073709551615], "b": "x", "aa": 2}`},
		{`CAST('[1.0, 1]' AS JSON)`, `[1.0, 1]`},
		{`JSON_ARRAY(1, 1.50, 2e0, 'a', NULL, TRUE, CAST('[1.0]' AS JSON), CAST('2024-02-29' AS DATE), CAST('2024-02-29 01:02:03.5' AS DATETIME(6)))`,
			`[1, 1.50, 2.0, "a", null, true, [1.0], "2024-02-29", "2024-02-29 01:02:03.500000"]`},
		{`JSON_OBJECT('k', 1.0, 2, X'ff')`, `{"2": "base64:type253:/w==", "k": 1.0}`},
		{`JSON_SET('{"a": 1.0}', '$.b', 2)`, `{"a": 1.0, "b": 2}`},
		{`JSON_MERGE_PATCH('{"a": 1.0}', '{"b": null}')`, `{"a": 1.0}`},
		{`'"ä\\u00e4\\n"'`, `"ää\n"`},
		{`'null'`, `null`},
		{`NULL`, `NULL`},
		{`CAST(18446744073709551615 AS JSON)`, `18446744073709551615`},
	} {
		c.exec("DELETE FROM t", "INSERT INTO t VALUES (1, "+tc.value+")", "INSERT INTO t SELECT 2, j FROM t",
			"INSERT INTO t VALUES (3, '[]')", "UPDATE t SET j = "+tc.value+" WHERE id = 3",
			"INSERT INTO t VALUES (4, '[]')", "INSERT INTO t VALUES (4, '{}') ON DUPLICATE KEY UPDATE j = "+tc.value,
			"REPLACE INTO t VALUES (5, "+tc.value+")")
		for id := range 5 {
			c.want("SELECT j FROM t WHERE id = "+string(rune('1'+id)), tc.want)
		}
	}
	c.exec("DELETE FROM t", "CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET NEW.j = JSON_SET(NEW.j, '$.t', 1.0)",
		`INSERT INTO t VALUES (1, '{"q": 2.0}')`, "DROP TRIGGER tr", `CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET NEW.j = '{"lit": 3.0}'`,
		"INSERT INTO t VALUES (2, '1')")
	c.want("SELECT j FROM t ORDER BY id", `{"q": 2.0, "t": 1.0}`+"\n"+`{"lit": 3.0}`)
	ts = ts.reopen()
	c = ts.client()
	c.want("SELECT j FROM d.t ORDER BY id", `{"q": 2.0, "t": 1.0}`+"\n"+`{"lit": 3.0}`)
}

// An UPDATE that only changes the kind of a number is written.
func TestJSON_UpdateOfKind(t *testing.T) {
	c := newTestServer(t, nil).client()
	c.exec("CREATE DATABASE d", "USE d", "CREATE TABLE t (id INT PRIMARY KEY, j JSON)", "INSERT INTO t VALUES (1, '1')", "UPDATE t SET j = '1.0'")
	c.want("SELECT j, JSON_TYPE(j) FROM t", "1.0|DOUBLE")
}

func TestJSON_Errors(t *testing.T) {
	c := newTestServer(t, nil).client()
	c.exec("CREATE DATABASE d", "USE d", "CREATE TABLE t (id INT PRIMARY KEY, j JSON)", "INSERT INTO t VALUES (1, '{}')")
	deep := strings.Repeat("[", 101) + strings.Repeat("]", 101)
	for _, tc := range []struct {
		number uint16
		query  string
		text   string
	}{
		{3140, `INSERT INTO t VALUES (2, '[1, 2,')`, `Invalid JSON text: "Invalid value." at position 6 in value for column 't.j'.`},
		{3140, `INSERT IGNORE INTO t VALUES (2, '')`, `Invalid JSON text: "The document is empty." at position 0 in value for column 't.j'.`},
		{3140, `INSERT INTO t VALUES (2, 1)`, `Invalid JSON text: "not a JSON text, may need CAST" at position 0 in value for column 't.j'.`},
		{3140, `UPDATE t SET j = '{"a" 1}'`, `Invalid JSON text: "Missing a colon after a name of object member." at position 5 in value for column 't.j'.`},
		{3157, `INSERT INTO t VALUES (2, '` + deep + `')`, "The JSON document exceeds the maximum depth."},
		{3151, `INSERT INTO t VALUES (2, CONCAT('{"', REPEAT('k', 65536), '":1}'))`, "The JSON object contains a key name that is too long."},
		{3141, `SELECT JSON_EXTRACT('[1', '$')`, `Invalid JSON text in argument 1 to function json_extract: "Missing a comma or ] after an array element." at position 2.`},
		{3141, `SELECT CAST('x' AS JSON)`, `Invalid JSON text in argument 1 to function cast_as_json: "Invalid value." at position 0.`},
		{3143, `SELECT JSON_EXTRACT('{}', 'a')`, "Invalid JSON path expression. The error is around character position 1."},
		{3146, `SELECT JSON_LENGTH(1)`, "Invalid data type for JSON data in argument 1 to function json_length; a JSON string or JSON type is required."},
		{3149, `SELECT JSON_SET('{}', '$.*', 1)`, "In this situation, path expressions may not contain the * and ** tokens or an array range."},
		{3153, `SELECT JSON_REMOVE('{}', '$')`, "The path expression '$' is not allowed in this context."},
		{3158, `SELECT JSON_OBJECT(NULL, 1)`, "JSON documents may not contain NULL member names."},
		{3152, `CREATE TABLE bad (j JSON PRIMARY KEY)`, "JSON column 'j' supports indexing only via generated columns on a specified JSON path."},
		{3152, `CREATE TABLE bad (id INT, j JSON, KEY (j))`, "JSON column 'j' supports indexing only via generated columns on a specified JSON path."},
		{3152, `CREATE INDEX i ON t (j)`, "JSON column 'j' supports indexing only via generated columns on a specified JSON path."},
		{1101, `CREATE TABLE bad (id INT, j JSON DEFAULT '{}')`, "BLOB, TEXT, GEOMETRY or JSON column 'j' can't have a default value"},
		{1101, `CREATE TABLE bad (id INT, j TEXT DEFAULT 'x')`, "BLOB, TEXT, GEOMETRY or JSON column 'j' can't have a default value"},
		{1048, `UPDATE n SET j = NULL`, "Column 'j' cannot be null"},
	} {
		if tc.number == 1048 {
			c.exec("CREATE TABLE n (id INT PRIMARY KEY, j JSON NOT NULL)", "INSERT INTO n VALUES (1, '[]')")
		}
		if got := c.fails(tc.number, tc.query); got != tc.text {
			t.Errorf("%.60s: %s, want %s", tc.query, got, tc.text)
		}
	}
	c.exec("CREATE TABLE e (id INT PRIMARY KEY, j JSON DEFAULT (JSON_ARRAY(1.0)))", "INSERT INTO e (id) VALUES (1)")
	c.want("SELECT j FROM e", "[1.0]")
	c.want("SHOW CREATE TABLE t", "t|CREATE TABLE `t` (\n  `id` int NOT NULL,\n  `j` json DEFAULT NULL,\n  PRIMARY KEY (`id`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci")
}

// The functions on stored values, with results of MySQL's manual.
func TestJSON_Functions(t *testing.T) {
	c := newTestServer(t, nil).client()
	c.exec("CREATE DATABASE d", "USE d", "CREATE TABLE t (id INT PRIMARY KEY, j JSON)",
		`INSERT INTO t VALUES (1, '{"a": [1, 2, {"b": 3.0}], "c": "x", "d": {"e": null}}'), (2, '[1, "2", [3]]'), (3, '"s"'), (4, 'null'), (5, NULL)`)
	for _, tc := range []struct{ query, want string }{
		{`SELECT j->'$.a[2].b', j->>'$.c', j->'$.a[*]', j->'$**.b', j->'$.*', j->'$.z' FROM t WHERE id = 1`, `3.0|x|[1, 2, {"b": 3.0}]|[3.0]|[[1, 2, {"b": 3.0}], "x", {"e": null}]|NULL`},
		{`SELECT JSON_EXTRACT(j, '$.a[0]', '$.z', '$.c') FROM t WHERE id = 1`, `[1, "x"]`},
		{`SELECT JSON_EXTRACT(j, '$[last]', '$[0 to 1]') FROM t WHERE id = 2`, `[[3], 1, "2"]`},
		{`SELECT JSON_LENGTH(j), JSON_DEPTH(j), JSON_TYPE(j) FROM t WHERE id < 4 ORDER BY id`, "3|4|OBJECT\n3|3|ARRAY\n1|1|STRING"},
		{`SELECT JSON_KEYS(j) FROM t WHERE id = 1`, `["a", "c", "d"]`},
		{`SELECT JSON_TYPE(j->'$.a[0]'), JSON_TYPE(j->'$.a[2].b'), JSON_TYPE(j->'$.d.e') FROM t WHERE id = 1`, "INTEGER|DOUBLE|NULL"},
		{`SELECT JSON_CONTAINS(j, '1', '$.a'), JSON_CONTAINS(j, '{"d": {}}'), JSON_CONTAINS(j, '{"d": {"e": 1}}'), JSON_CONTAINS(j, '1', '$.z') FROM t WHERE id = 1`, "true|true|false|NULL"},
		{`SELECT JSON_SET(j, '$.a[0]', 9007199254740993, '$.n', 'v') FROM t WHERE id = 1`, `{"a": [9007199254740993, 2, {"b": 3.0}], "c": "x", "d": {"e": null}, "n": "v"}`},
		{`SELECT JSON_REMOVE(j, '$.a[1]', '$.d'), JSON_REPLACE(j, '$.a', TRUE), JSON_INSERT(j, '$.c', 1) FROM t WHERE id = 1`,
			`{"a": [1, {"b": 3.0}], "c": "x"}|{"a": true, "c": "x", "d": {"e": null}}|{"a": [1, 2, {"b": 3.0}], "c": "x", "d": {"e": null}}`},
		{`SELECT JSON_ARRAY_APPEND(j, '$[1]', 4), JSON_ARRAY_INSERT(j, '$[1]', 'i') FROM t WHERE id = 2`, `[1, ["2", 4], [3]]|[1, "i", "2", [3]]`},
		{`SELECT JSON_SEARCH(j, 'one', 'x'), JSON_STORAGE_SIZE('[1,2]') FROM t WHERE id = 1`, `"$.c"|11`},
		{`SELECT n, v FROM t, JSON_TABLE(j, '$.a[*]' COLUMNS (n FOR ORDINALITY, v INT PATH '$')) x WHERE id = 1`, "1|1\n2|2\n3|NULL"},
		{`SELECT JSON_ARRAYAGG(j) FROM t WHERE id IN (3, 4)`, `["s", null]`},
		{`SELECT CAST(j->'$.a[0]' AS SIGNED) + 1, j->'$.a[0]' = 1, j->'$.c' = 'x', j->>'$.c' LIKE 'x%', CONCAT(j->'$.a[2].b', '!') FROM t WHERE id = 1`, "2|true|true|true|3.0!"},
		{`SELECT id FROM t ORDER BY j`, "5\n4\n3\n1\n2"},
		{`SELECT id FROM t WHERE j = CAST('[1.0, "2", [3]]' AS JSON)`, "2"},
		{`SELECT id FROM t WHERE j = 's'`, "3"},
	} {
		c.want(tc.query, tc.want)
	}
}
