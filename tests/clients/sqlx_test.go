package clients

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jmoiron/sqlx"
)

type track struct {
	ID      int64          `db:"id"`
	Title   string         `db:"title"`
	Album   sql.NullString `db:"album"`
	Price   string         `db:"price"`
	Seconds float64        `db:"seconds"`
	Added   time.Time      `db:"added"`
	Cover   []byte         `db:"cover"`
}

// Named parameters, IN lists, struct scans, prepared and interpolated
// statements, transactions that roll back.
func TestSqlx(t *testing.T) {
	for _, params := range []string{"", "&interpolateParams=true", "&compress=true", "&clientFoundRows=true"} {
		t.Run(params, func(t *testing.T) { useSqlx(t, params) })
	}
}

func useSqlx(t *testing.T, params string) {
	root := sqlx.MustConnect("mysql", dsn(t, ""))
	defer root.Close()
	root.MustExec("DROP DATABASE IF EXISTS sqlx")
	root.MustExec("CREATE DATABASE sqlx")
	db := sqlx.MustConnect("mysql", dsn(t, "sqlx")+params)
	defer db.Close()
	db.MustExec(`CREATE TABLE track (id BIGINT AUTO_INCREMENT PRIMARY KEY, title VARCHAR(80) NOT NULL, album VARCHAR(80),
		price DECIMAL(9,2) NOT NULL, seconds DOUBLE NOT NULL, added DATETIME(6) NOT NULL, cover BLOB, UNIQUE KEY (title))`)
	added := time.Date(2024, 2, 29, 23, 59, 59, 123456000, time.UTC)
	tracks := []track{
		{Title: "One – 一", Price: "9.99", Seconds: 0.1, Added: added, Cover: []byte{0, 1, 0xff, '\'', '\\'}},
		{Title: "Two's \\ \"2\"", Album: sql.NullString{String: "B", Valid: true}, Price: "-0.01", Seconds: 1e300, Added: added.Add(time.Second)},
		{Title: "Three", Album: sql.NullString{String: "B", Valid: true}, Price: "1234567.89", Seconds: -2.5, Added: added},
	}
	res, err := db.NamedExec(`INSERT INTO track (title, album, price, seconds, added, cover)
		VALUES (:title, :album, :price, :seconds, :added, :cover)`, tracks)
	if err != nil {
		t.Fatal(err)
	}
	if id, _ := res.LastInsertId(); id != 1 {
		t.Errorf("LastInsertId %d, want that of the first row", id)
	}
	if n, _ := res.RowsAffected(); n != 3 {
		t.Errorf("%d rows affected", n)
	}

	query, args, err := sqlx.In("SELECT * FROM track WHERE id IN (?) AND album <=> ? ORDER BY id", []int{1, 2, 3}, "B")
	if err != nil {
		t.Fatal(err)
	}
	var got []track
	if err := db.Select(&got, db.Rebind(query), args...); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].ID != 2 || got[0].Title != tracks[1].Title || got[0].Price != "-0.01" || got[0].Seconds != 1e300 ||
		!got[0].Added.Equal(tracks[1].Added) || got[0].Cover != nil || got[1].Price != "1234567.89" {
		t.Errorf("IN list: %+v", got)
	}
	stmt, err := db.PrepareNamed("SELECT * FROM track WHERE title = :title AND added = :added")
	if err != nil {
		t.Fatal(err)
	}
	defer stmt.Close()
	var one track
	if err := stmt.Get(&one, tracks[0]); err != nil {
		t.Fatal(err)
	}
	if one.Album.Valid || string(one.Cover) != string(tracks[0].Cover) || !one.Added.Equal(added) {
		t.Errorf("prepared: %+v", one)
	}
	if err := stmt.Get(&one, track{Title: "none"}); !errors.Is(err, sql.ErrNoRows) {
		t.Errorf("no row: %v", err)
	}

	tx := db.MustBeginTx(context.Background(), &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	tx.MustExec("UPDATE track SET price = price + ? WHERE album = ?", "0.01", "B")
	var me *mysql.MySQLError
	if _, err := tx.Exec("INSERT INTO track (title, price, seconds, added) VALUES ('Three', 1, 1, ?)", added); !errors.As(err, &me) || me.Number != 1062 {
		t.Errorf("a second title: %v", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	var sum string
	if err := db.Get(&sum, "SELECT SUM(price) FROM track"); err != nil || sum != "1234577.87" {
		t.Errorf("after ROLLBACK the sum is %s (%v)", sum, err)
	}
	same := db.MustExec("UPDATE track SET album = 'B' WHERE album = 'B'")
	want := int64(0)
	if params == "&clientFoundRows=true" {
		want = 2
	}
	if n, _ := same.RowsAffected(); n != want {
		t.Errorf("an UPDATE without a change affects %d, want %d", n, want)
	}
	rows, err := db.Queryx("SELECT id, title, NULL AS nothing FROM track ORDER BY id DESC")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for n := int64(3); rows.Next(); n-- {
		m := map[string]any{}
		if err := rows.MapScan(m); err != nil {
			t.Fatal(err)
		}
		if _, ok := m["nothing"]; !ok || m["nothing"] != nil || m["id"] != n {
			t.Errorf("row %d as a map: %v", n, m)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}
