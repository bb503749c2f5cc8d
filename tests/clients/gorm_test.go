package clients

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"
	"gorm.io/driver/mysql"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
)

// statements notes what GORM sends and passes errors on to the test.
type statements struct {
	logger.Interface
	sent []string
}

func (s *statements) LogMode(logger.LogLevel) logger.Interface { return s }

func (s *statements) Trace(_ context.Context, _ time.Time, f func() (string, int64), _ error) {
	text, _ := f()
	s.sent = append(s.sent, text)
}

// definitions returns the statements since the last call that define something.
func (s *statements) definitions() []string {
	var out []string
	for _, q := range s.sent {
		switch word, _, _ := strings.Cut(strings.ToUpper(q), " "); word {
		case "CREATE", "ALTER", "DROP", "RENAME":
			out = append(out, q)
		}
	}
	s.sent = nil
	return out
}

type Company struct {
	ID   uint
	Name string `gorm:"size:120;uniqueIndex:by_name;comment:what it is called"`
}

type Tag struct {
	Name string `gorm:"primaryKey;size:40"`
}

type Person struct {
	gorm.Model
	Name      string `gorm:"size:100;not null;index:name_age,priority:1"`
	Age       uint8  `gorm:"index:name_age,priority:2,sort:desc;check:age_small,age < 200"`
	Email     *string
	Balance   string `gorm:"type:decimal(20,4);default:0.0000"`
	Score     float64
	Active    bool `gorm:"default:true"`
	Born      *time.Time
	Photo     []byte
	Notes     string         `gorm:"type:text"`
	Extra     map[string]any `gorm:"serializer:json;type:json"`
	CompanyID *uint
	Company   *Company `gorm:"constraint:OnUpdate:CASCADE,OnDelete:SET NULL"`
	Cards     []Card   `gorm:"constraint:OnDelete:CASCADE"`
	Tags      []Tag    `gorm:"many2many:person_tags"`
}

type Card struct {
	ID       uint
	Number   string `gorm:"size:20;unique"`
	PersonID uint
}

// A later version of the same table: a longer name, another type, columns that
// came, one that is NOT NULL, another index.
type personLater struct {
	gorm.Model
	Name    string    `gorm:"size:180;not null;index:name_age,priority:1"`
	Age     uint16    `gorm:"index:name_age,priority:2,sort:desc;check:age_small,age < 200"`
	Email   *string   `gorm:"size:80;uniqueIndex"`
	Balance string    `gorm:"type:decimal(24,6);default:1.500000"`
	Nick    string    `gorm:"size:30;not null;default:nobody;comment:short"`
	Seen    time.Time `gorm:"precision:3;default:CURRENT_TIMESTAMP(3)"`
}

func (personLater) TableName() string { return "people" }

func TestGorm(t *testing.T) {
	log := &statements{Interface: logger.Discard}
	root, err := gorm.Open(mysql.Open(dsn(t, "")), &gorm.Config{Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{"DROP DATABASE IF EXISTS gorm", "CREATE DATABASE gorm"} {
		if err := root.Exec(q).Error; err != nil {
			t.Fatal(err)
		}
	}
	db, err := gorm.Open(mysql.Open(dsn(t, "gorm")+"&loc=UTC"), &gorm.Config{Logger: log, TranslateError: true})
	if err != nil {
		t.Fatal(err)
	}
	models := []any{&Company{}, &Tag{}, &Person{}, &Card{}}
	if err := db.AutoMigrate(models...); err != nil {
		t.Fatalf("the first AutoMigrate: %v", err)
	}
	if made := log.definitions(); len(made) < 5 {
		t.Errorf("AutoMigrate made only %q", made)
	}
	if err := db.AutoMigrate(models...); err != nil {
		t.Fatalf("the second AutoMigrate: %v", err)
	}
	if again := log.definitions(); len(again) > 0 {
		t.Errorf("the second AutoMigrate changes what is there:\n%s", strings.Join(again, "\n"))
	}
	useGorm(t, db)
	migrateGorm(t, db, log)
}

// useGorm writes and reads rows with associations.
func useGorm(t *testing.T, db *gorm.DB) {
	t.Helper()
	email, born := "a@b.c", time.Date(1999, 12, 31, 23, 59, 59, 123000000, time.UTC)
	p := Person{Name: "Åsa 一", Age: 41, Email: &email, Balance: "-123456789.1234", Score: 0.1, Born: &born, Photo: []byte{0, 255, '\''},
		Notes: strings.Repeat("n", 5000), Extra: map[string]any{"a": []any{1.5, "x"}}, Company: &Company{Name: "C"},
		Cards: []Card{{Number: "1"}, {Number: "2"}}, Tags: []Tag{{Name: "x"}, {Name: "y"}}}
	if err := db.Create(&p).Error; err != nil {
		t.Fatal(err)
	}
	many := make([]Person, 250)
	for i := range many {
		many[i] = Person{Name: fmt.Sprintf("p%03d", i), Age: uint8(i % 90), Balance: "1"}
	}
	if err := db.CreateInBatches(many, 100).Error; err != nil {
		t.Fatal(err)
	}
	if many[0].ID != p.ID+1 || many[249].ID != p.ID+250 {
		t.Errorf("ids of a batch: %d to %d after %d", many[0].ID, many[249].ID, p.ID)
	}
	var got Person
	if err := db.Preload(clause.Associations).First(&got, p.ID).Error; err != nil {
		t.Fatal(err)
	}
	if got.Name != p.Name || *got.Email != email || got.Balance != p.Balance || got.Score != 0.1 || !got.Active || !got.Born.Equal(born) ||
		string(got.Photo) != string(p.Photo) || got.Notes != p.Notes || fmt.Sprint(got.Extra) != fmt.Sprint(p.Extra) || got.Company == nil ||
		got.Company.Name != "C" || len(got.Cards) != 2 || len(got.Tags) != 2 || got.CreatedAt.IsZero() {
		t.Errorf("read back: %+v", got)
	}
	if err := db.Create(&Card{Number: "1", PersonID: p.ID}).Error; !errors.Is(err, gorm.ErrDuplicatedKey) {
		t.Errorf("a second card of that number: %v", err)
	}
	if err := db.Create(&Card{Number: "9", PersonID: 4711}).Error; !errors.Is(err, gorm.ErrForeignKeyViolated) {
		t.Errorf("a card of nobody: %v", err)
	}
	var me *driver.MySQLError
	if err := db.Create(&Person{Name: "old", Age: 201, Balance: "0"}).Error; !errors.As(err, &me) || me.Number != 3819 {
		t.Errorf("an age above the CHECK: %v", err)
	}
	res := db.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "name"}}, DoNothing: true}).Create(&Tag{Name: "x"})
	if res.Error != nil || res.RowsAffected != 0 {
		t.Errorf("DoNothing: %d rows, %v", res.RowsAffected, res.Error)
	}
	c := Company{ID: *got.CompanyID, Name: "C2"}
	if err := db.Clauses(clause.OnConflict{DoUpdates: clause.AssignmentColumns([]string{"name"})}).Create(&c).Error; err != nil {
		t.Errorf("ON DUPLICATE KEY UPDATE: %v", err)
	}
	err := db.Transaction(func(tx *gorm.DB) error {
		if err := tx.Model(&Person{}).Where("age > ?", 10).Update("age", gorm.Expr("age + ?", 1)).Error; err != nil {
			return err
		}
		tx.SavePoint("s")
		tx.Where("1 = 1").Delete(&Card{})
		tx.RollbackTo("s")
		var locked Person
		return tx.Clauses(clause.Locking{Strength: "UPDATE"}).First(&locked, p.ID).Error
	})
	if err != nil {
		t.Fatal(err)
	}
	var cards int64
	if db.Model(&Card{}).Count(&cards); cards != 2 {
		t.Errorf("%d cards after ROLLBACK TO", cards)
	}
	var joined []Person
	err = db.Joins("Company").Where("Company.name = ?", "C2").Order("people.id").Find(&joined).Error
	if err != nil || len(joined) != 1 || joined[0].Age != 42 || joined[0].Company.Name != "C2" {
		t.Errorf("a join: %v, %+v", err, joined)
	}
	var groups []struct {
		Age uint8
		N   int
	}
	if err := db.Model(&Person{}).Select("age, COUNT(*) AS n").Group("age").Having("COUNT(*) > ?", 2).Order("age").Scan(&groups).Error; err != nil || len(groups) < 10 {
		t.Errorf("groups: %v, %v", err, groups)
	}
	if err := db.Delete(&many[0]).Error; err != nil {
		t.Fatal(err)
	}
	if err := db.First(&Person{}, many[0].ID).Error; !errors.Is(err, gorm.ErrRecordNotFound) {
		t.Errorf("a row deleted softly: %v", err)
	}
	if err := db.Unscoped().Delete(&p).Error; err == nil {
		t.Error("a person with tags was deleted")
	}
	if err := db.Model(&p).Association("Tags").Clear(); err != nil {
		t.Fatal(err)
	}
	if err := db.Unscoped().Delete(&p).Error; err != nil {
		t.Fatal(err)
	}
	if db.Model(&Card{}).Count(&cards); cards != 0 {
		t.Errorf("%d cards after the cascade", cards)
	}
}

// migrateGorm brings the table to a later version and asks the Migrator.
func migrateGorm(t *testing.T, db *gorm.DB, log *statements) {
	t.Helper()
	log.definitions()
	if err := db.AutoMigrate(&personLater{}); err != nil {
		t.Fatalf("AutoMigrate to the later version: %v", err)
	}
	t.Logf("%d changes", len(log.definitions()))
	if err := db.AutoMigrate(&personLater{}); err != nil {
		t.Fatal(err)
	}
	if again := log.definitions(); len(again) > 0 {
		t.Errorf("the later version is changed again:\n%s", strings.Join(again, "\n"))
	}
	m := db.Migrator()
	types, err := m.ColumnTypes("people")
	if err != nil {
		t.Fatal(err)
	}
	columns := map[string]string{}
	for _, c := range types {
		full, _ := c.ColumnType()
		null, _ := c.Nullable()
		def, _ := c.DefaultValue()
		note, _ := c.Comment()
		columns[c.Name()] = fmt.Sprintf("%s %v %s %s", full, null, def, note)
	}
	for name, want := range map[string]string{
		"id":         "bigint unsigned false  ",
		"created_at": "datetime(3) true  ",
		"name":       "varchar(180) false  ",
		"age":        "smallint unsigned true  ",
		"email":      "varchar(80) true  ",
		"balance":    "decimal(24,6) true 1.500000 ",
		"active":     "tinyint(1) true 1 ",
		"nick":       "varchar(30) false nobody short",
		"seen":       "datetime(3) true CURRENT_TIMESTAMP(3) ",
		"extra":      "json true  ",
		"photo":      "longblob true  ",
	} {
		if columns[name] != want {
			t.Errorf("column %s is %q, want %q", name, columns[name], want)
		}
	}
	for what, ok := range map[string]bool{
		"table":      m.HasTable("people"),
		"no table":   !m.HasTable("nobody"),
		"column":     m.HasColumn(&Person{}, "Nick") || m.HasColumn("people", "nick"),
		"index":      m.HasIndex(&Person{}, "name_age"),
		"no index":   !m.HasIndex(&Person{}, "nowhere"),
		"constraint": m.HasConstraint(&Person{}, "fk_people_company"),
		"check":      m.HasConstraint(&Person{}, "age_small"),
		"database":   m.CurrentDatabase() == "gorm",
	} {
		if !ok {
			t.Errorf("the Migrator is wrong about: %s", what)
		}
	}
	if tables, err := m.GetTables(); err != nil || len(tables) != 5 {
		t.Errorf("tables: %v, %v", tables, err)
	}
	indexes, err := m.GetIndexes(&personLater{})
	if err != nil || len(indexes) < 4 {
		t.Errorf("indexes: %v, %v", indexes, err)
	}
	for what, f := range map[string]func() error{
		"rename a column":  func() error { return m.RenameColumn(&personLater{}, "nick", "alias") },
		"rename an index":  func() error { return m.RenameIndex(&personLater{}, "name_age", "by_age") },
		"drop an index":    func() error { return m.DropIndex(&Company{}, "by_name") },
		"drop a check":     func() error { return m.DropConstraint(&Person{}, "age_small") },
		"drop a reference": func() error { return m.DropConstraint(&Person{}, "fk_people_company") },
		"drop a column":    func() error { return m.DropColumn(&personLater{}, "seen") },
		"make a view": func() error {
			return m.CreateView("grown", gorm.ViewOption{Replace: true, Query: db.Model(&personLater{}).Where("age >= ?", 18)})
		},
		"drop a view":    func() error { return m.DropView("grown") },
		"rename a table": func() error { return m.RenameTable("tags", "labels") },
	} {
		if err := f(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if m.HasConstraint(&Person{}, "fk_people_company") || m.HasIndex(&Company{}, "by_name") || m.HasColumn(&personLater{}, "seen") || m.HasTable("tags") {
		t.Error("what was dropped is still there")
	}
	if err := m.DropTable(&Card{}, &Person{}, &Company{}, "person_tags", "labels"); err != nil {
		t.Errorf("drop the tables: %v", err)
	}
	if tables, err := m.GetTables(); err != nil || len(tables) != 0 {
		t.Errorf("tables left: %v, %v", tables, err)
	}
}
