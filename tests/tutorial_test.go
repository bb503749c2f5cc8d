package tests

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"binrelay/tests/cluster"
)

// tutorialServer starts a server with the option file of the classic set-up
// tutorial; extra lines are the replica's or the primary's own.
func tutorialServer(t *testing.T, name string, id int, extra ...string) *cluster.Server {
	t.Helper()
	lines := append([]string{fmt.Sprintf("server-id=%d", id), "expire_logs_days=10", "max_binlog_size=200M"}, extra...)
	s := cluster.New(t, name, lines...)
	s.AddConf("log-bin=" + filepath.Join(s.Dir, "mysql-bin.log"))
	s.Run()
	return s
}

// client pastes lines into the stock client and fails the test on an error.
func client(t *testing.T, s *cluster.Server, script string, args ...string) string {
	t.Helper()
	out, err := s.Client(script, args...)
	if err != nil {
		t.Fatalf("%s: client: %v\n%s\nscript: %s", s.Name, err, out, script)
	}
	return out
}

// The set-up tutorial that people paste from, word for word, with the stock
// client: two replicas, a database and rows that appear on both, a wrong
// password, a duplicate row and the skip counter.
func TestTutorial(t *testing.T) {
	ran(t, "mysql (MariaDB)", versionOf(t, "mariadb"), "the replication tutorial, word for word")
	cluster.Need(t, "mariadb")
	primary := tutorialServer(t, "primary", 201, "binlog_ignore_db=mysql")
	replicas := []*cluster.Server{
		tutorialServer(t, "replica1", 202, "replicate_ignore_db=mysql"),
		tutorialServer(t, "replica2", 203, "replicate_ignore_db=mysql"),
	}
	client(t, primary, "create user 'Slave'@'%' identified by '123456';\ngrant replication slave on '*.*' to 'Slave'@'%';\nflush privileges;\n")
	client(t, primary, "grant replication slave on *.* to 'Slave'@'%';\n")
	out := client(t, primary, "show master status;")
	m := regexp.MustCompile(`(?m)^(mysql-bin\.\d{6})\t(\d+)\t\tmysql\t`).FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("show master status:\n%s", out)
	}
	if m[1] != "mysql-bin.000001" {
		t.Errorf("first file is %s", m[1])
	}
	change := fmt.Sprintf("change master to master_user='Slave',master_password='123456',master_host='127.0.0.1',master_port=%d,master_log_file='%s',master_log_pos=%s,get_master_public_key=1;\n", primary.Port, m[1], m[2])
	for _, r := range replicas {
		client(t, r, change+"start slave;\n")
		waitRunning(t, r)
		out := client(t, r, "show slave status\\G")
		if !regexp.MustCompile(`(?m)^ +Slave_IO_Running: Yes$`).MatchString(out) || !regexp.MustCompile(`(?m)^ +Slave_SQL_Running: Yes$`).MatchString(out) {
			t.Fatalf("%s: show slave status\\G:\n%s", r.Name, out)
		}
		if n := strings.Count(out, ": ") + strings.Count(out, ":\n"); n < 60 {
			t.Errorf("%s: %d columns:\n%s", r.Name, n, out)
		}
	}

	client(t, primary, "CREATE DATABASE testcluster;\n")
	for _, r := range replicas {
		cluster.WaitCaughtUp(t, primary, r, 10*time.Second)
		if out := client(t, r, "SHOW DATABASES;"); !strings.Contains(out, "testcluster\n") {
			t.Errorf("%s: SHOW DATABASES:\n%s", r.Name, out)
		}
	}
	client(t, primary, "create table t (id int primary key, name varchar(20));\ninsert into t values (1,'one'),(2,'two');\n", "testcluster")
	for _, r := range replicas {
		cluster.WaitCaughtUp(t, primary, r, 10*time.Second)
		if out := client(t, r, "select * from t order by id;", "testcluster"); out != "id\tname\n1\tone\n2\ttwo\n" {
			t.Errorf("%s: rows:\n%s", r.Name, out)
		}
	}
	t.Run("wrong password", func(t *testing.T) { tutorialWrongPassword(t, replicas[1]) })
	t.Run("skip counter", func(t *testing.T) { tutorialSkip(t, primary, replicas[0]) })
	for _, r := range replicas {
		cluster.WaitCaughtUp(t, primary, r, 10*time.Second)
	}
}

func waitRunning(t *testing.T, r *cluster.Server) {
	t.Helper()
	cluster.WaitFor(t, 15*time.Second, func() string {
		st := r.Status()
		if st["Slave_IO_Running"] == "Yes" && st["Slave_SQL_Running"] == "Yes" {
			return ""
		}
		return fmt.Sprintf("IO %s (%s %s), SQL %s (%s %s)", st["Slave_IO_Running"], st["Last_IO_Errno"], st["Last_IO_Error"], st["Slave_SQL_Running"], st["Last_SQL_Errno"], st["Last_SQL_Error"])
	})
}

func tutorialWrongPassword(t *testing.T, r *cluster.Server) {
	client(t, r, "stop slave; change master to master_password='wrong', master_connect_retry=1; start slave;")
	var st map[string]string
	cluster.WaitFor(t, 10*time.Second, func() string {
		if st = r.Status(); st["Last_IO_Errno"] == "1045" {
			return ""
		}
		return fmt.Sprintf("Last_IO_Errno %s %s", st["Last_IO_Errno"], st["Last_IO_Error"])
	})
	if st["Slave_IO_Running"] != "Connecting" || st["Seconds_Behind_Master"] != "NULL" {
		t.Errorf("IO %s, Seconds_Behind_Master %s", st["Slave_IO_Running"], st["Seconds_Behind_Master"])
	}
	want := regexp.MustCompile(`^[Ee]rror connecting to (source|master) 'Slave@127\.0\.0\.1:\d+'\. This was attempt \d+/\d+, with a delay of 1 seconds between attempts\. Message: Access denied for user 'Slave'@'[^']*' \(using password: YES\)$`)
	if !want.MatchString(st["Last_IO_Error"]) {
		t.Errorf("Last_IO_Error %q", st["Last_IO_Error"])
	}
	client(t, r, "stop slave; change master to master_password='123456'; start slave;")
	waitRunning(t, r)
	if st := r.Status(); st["Last_IO_Errno"] != "0" {
		t.Errorf("Last_IO_Errno %s after correcting the password", st["Last_IO_Errno"])
	}
}

func tutorialSkip(t *testing.T, primary, r *cluster.Server) {
	client(t, r, "set sql_log_bin=0; insert into testcluster.t values (30,'mine');")
	client(t, primary, "insert into testcluster.t values (30,'theirs'),(31,'lost');\ninsert into testcluster.t values (32,'kept');\n")
	var st map[string]string
	cluster.WaitFor(t, 10*time.Second, func() string {
		if st = r.Status(); st["Slave_SQL_Running"] == "No" {
			return ""
		}
		return "SQL thread runs on"
	})
	if st["Last_SQL_Errno"] != "1062" || st["Slave_IO_Running"] != "Yes" || st["Last_Errno"] != "1062" {
		t.Errorf("Last_SQL_Errno %s, IO %s", st["Last_SQL_Errno"], st["Slave_IO_Running"])
	}
	want := regexp.MustCompile(`Could not execute Write_rows event on table testcluster\.t; Duplicate entry '30' for key 't\.PRIMARY', Error_code: 1062; handler error HA_ERR_FOUND_DUPP_KEY; the event's (source|master) log mysql-bin\.\d{6}, end_log_pos \d+`)
	if !want.MatchString(st["Last_SQL_Error"]) {
		t.Errorf("Last_SQL_Error %q", st["Last_SQL_Error"])
	}
	client(t, r, "stop slave; set GLOBAL SQL_SLAVE_SKIP_COUNTER=1; start slave;")
	cluster.WaitCaughtUp(t, primary, r, 10*time.Second)
	waitRunning(t, r)
	got := client(t, r, "select * from t where id>=30 order by id;", "testcluster")
	if got != "id\tname\n30\tmine\n32\tkept\n" {
		t.Errorf("rows after skipping one transaction:\n%s", got)
	}
	if st := r.Status(); st["Skip_Counter"] != "0" {
		t.Errorf("Skip_Counter %s", st["Skip_Counter"])
	}
}
