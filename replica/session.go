package replica

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"binrelay/binlog/txn"
	"binrelay/replica/replstate"
)

// session is one connection to the source, authenticated. Used by the IO
// thread only.
type session struct {
	rc      *receiver
	cfg     *replstate.SourceConfig
	p       *packets
	timeout time.Duration // of one command and its reply
	maria   bool
	close   func()

	crc bool // the source announced CRC32
}

// Steps of a session, for the state while it is made again after a failure.
type stepError struct {
	step replstate.State // where the thread waits before it reconnects
	err  error
}

func (e *stepError) Error() string { return e.err.Error() }
func (e *stepError) Unwrap() error { return e.err }

// query runs a statement with the session's time-out.
func (s *session) query(sql string) ([]string, error) {
	if err := s.p.conn.SetDeadline(time.Now().Add(s.timeout)); err != nil {
		return nil, err
	}
	return s.p.query(sql)
}

// one runs a statement whose first column is the answer. known is false if the
// source does not know the variable (1193) or has no answer.
func (s *session) one(sql string) (v string, known bool, err error) {
	row, err := s.query(sql)
	var reply *replstate.Error
	if errors.As(err, &reply) && reply.Number == errUnknownVar {
		return "", false, nil
	}
	if err != nil || len(row) == 0 {
		return "", false, err
	}
	return row[len(row)-1], true, nil
}

// serverError reports whether the source answered with an error, as opposed to
// not answering.
func serverError(err error) bool {
	var reply *replstate.Error
	return errors.As(err, &reply) && reply.Number != crMalformed
}

// introduce asks the source who it is and tells it what we understand, in the
// order of a MySQL 8.0 replica. Equal identities are fatal.
func (s *session) introduce(set Settings) error {
	s.rc.setIOState(replstate.StateCheckingVersion)
	steps := []func(Settings) error{
		s.askClock, s.askServerID, s.setHeartbeat, s.setChecksum, s.askGTIDMode, s.askUUID, s.setUUID, s.setCapability,
	}
	for _, step := range steps {
		if err := step(set); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) askClock(Settings) error {
	before := s.rc.opt.Now()
	v, known, err := s.one("SELECT UNIX_TIMESTAMP()")
	if err != nil && !serverError(err) {
		return err
	}
	diff := int64(0)
	if unix, err := strconv.ParseInt(v, 10, 64); known && err == nil {
		diff = before.Unix() - unix
	}
	s.rc.st.set(func(f *fields) { f.clockDiff = diff })
	return nil
}

func (s *session) askServerID(set Settings) error {
	v, known, err := s.one("SELECT @@GLOBAL.SERVER_ID")
	if err != nil {
		if serverError(err) {
			return fatalf(errnoFatal, "Fatal error: The replica I/O thread stops because a fatal error is encountered when it tries to get the value of SERVER_ID variable from source. Error: %v", err)
		}
		return err
	}
	if !known {
		return nil
	}
	id, err := strconv.ParseUint(v, 10, 32)
	if err != nil {
		return malformed("server id %q", v)
	}
	if uint32(id) == set.ServerID && !set.SameServerID {
		return fatalf(errnoFatal, "Fatal error: The replica I/O thread stops because source and replica have equal MySQL server ids; "+
			"these ids must be different for replication to work (or the --replicate-same-server-id option must be used on replica "+
			"but this does not always make sense; please check the manual before using it).")
	}
	s.rc.st.set(func(f *fields) { f.sourceID = uint32(id) })
	return nil
}

func (s *session) setHeartbeat(set Settings) error {
	period := s.cfg.Heartbeat(set.NetTimeout)
	if period <= 0 {
		return nil
	}
	_, err := s.query(fmt.Sprintf("SET @master_heartbeat_period = %d, @source_heartbeat_period = %d", period.Nanoseconds(), period.Nanoseconds()))
	if err != nil && serverError(err) {
		return fatalf(errnoFatal, "Fatal error: The replica I/O thread stops because SET @source_heartbeat_period on source failed. Error: %v", err)
	}
	return err
}

func (s *session) setChecksum(Settings) error {
	_, err := s.query("SET @master_binlog_checksum = @@global.binlog_checksum, @source_binlog_checksum = @@global.binlog_checksum")
	var reply *replstate.Error
	if errors.As(err, &reply) && reply.Number == errUnknownVar {
		return nil // a source without checksums
	}
	if err != nil {
		if serverError(err) {
			return fatalf(errnoFatal, "Fatal error: The replica I/O thread stops because a fatal error is encountered when it tried to SET @source_binlog_checksum on source. Error: %v", err)
		}
		return err
	}
	v, _, err := s.one("SELECT @source_binlog_checksum")
	if err != nil && !serverError(err) {
		return err
	}
	switch strings.ToUpper(v) {
	case "CRC32":
		s.crc = true
	case "NONE":
	default:
		return fatalf(errnoFatal, "Fatal error: The replica I/O thread stops because a fatal error is encountered when it tried to SELECT @source_binlog_checksum. Error: the value is '%.64s'", v)
	}
	return nil
}

func (s *session) askGTIDMode(set Settings) error {
	if s.maria {
		return nil
	}
	v, known, err := s.one("SELECT @@GLOBAL.GTID_MODE")
	if err != nil {
		if serverError(err) {
			return fatalf(errnoFatal, "Fatal error: The replica I/O thread stops because a fatal error is encountered when it tries to get the value of GTID_MODE variable from source. Error: %v", err)
		}
		return err
	}
	source, own := "OFF", "OFF"
	if known {
		source = strings.ToUpper(v)
	}
	if set.GTIDMode {
		own = "ON"
	}
	if source == "ON" && own == "OFF" || source == "OFF" && own == "ON" {
		return fatalf(errnoFatal, "The replication receiver thread cannot start because the source has GTID_MODE = %s and this server has GTID_MODE = %s.", source, own)
	}
	return nil
}

func (s *session) askUUID(Settings) error {
	v, known, err := s.one("SELECT @@GLOBAL.SERVER_UUID")
	if err != nil {
		if serverError(err) {
			return fatalf(errnoFatal, "Fatal error: The replica I/O thread stops because a fatal error is encountered when it tries to get the value of SERVER_UUID variable from source. Error: %v", err)
		}
		return err
	}
	if !known {
		return nil // MariaDB and old sources have none
	}
	if v != "" && strings.EqualFold(v, s.rc.opt.UUID) {
		return fatalf(errnoFatal, "Fatal error: The replica I/O thread stops because source and replica have equal MySQL server UUIDs; "+
			"these UUIDs must be different for replication to work.")
	}
	if len(v) > 64 {
		return malformed("server UUID of %d bytes", len(v))
	}
	s.rc.st.set(func(f *fields) { f.sourceUUID = v })
	return nil
}

func (s *session) setUUID(Settings) error {
	if s.rc.opt.UUID == "" {
		return nil
	}
	_, err := s.query(fmt.Sprintf("SET @slave_uuid = '%s', @replica_uuid = '%s'", s.rc.opt.UUID, s.rc.opt.UUID))
	if err != nil && serverError(err) {
		return fatalf(errnoFatal, "Fatal error: The replica I/O thread stops because a fatal error is encountered when it tries to SET @replica_uuid on source. Error: %v", err)
	}
	return err
}

func (s *session) setCapability(Settings) error {
	if !s.maria {
		return nil
	}
	_, err := s.query("SET @mariadb_slave_capability = 4")
	if err != nil && serverError(err) {
		return fatalf(errnoFatal, "Fatal error: The replica I/O thread stops because SET @mariadb_slave_capability on source failed. Error: %v", err)
	}
	return err
}

// register sends COM_REGISTER_SLAVE.
func (s *session) register(set Settings) error {
	s.rc.setIOState(replstate.StateRegistering)
	b := binary.LittleEndian.AppendUint32(nil, set.ServerID)
	for _, v := range []string{set.ReportHost, set.ReportUser, set.ReportPassword} {
		v = v[:min(len(v), 60)]
		b = append(append(b, byte(len(v))), v...)
	}
	b = binary.LittleEndian.AppendUint16(b, set.ReportPort)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0) // rank, source id
	return s.command(0x15, b, replstate.StateReconnectWaitReg, true)
}

// dump sends COM_BINLOG_DUMP. What follows on the connection are events.
func (s *session) dump(set Settings, from txn.Coord) error {
	s.rc.setIOState(replstate.StateRequestingDump)
	if from.Pos >= 1<<32 {
		return fatalf(errnoFatal, "Fatal error: position %d of %s is beyond what a source can be asked for", from.Pos, from.File)
	}
	b := binary.LittleEndian.AppendUint32(nil, uint32(max(from.Pos, 4)))
	b = append(b, 0, 0) // flags
	b = binary.LittleEndian.AppendUint32(b, set.ServerID)
	b = append(b, from.File...)
	return s.command(0x12, b, replstate.StateReconnectWaitDump, false)
}

// command sends a command and, with reply, reads its OK. A failure is marked
// with the step it happened in.
func (s *session) command(cmd byte, payload []byte, step replstate.State, reply bool) error {
	err := s.p.conn.SetDeadline(time.Now().Add(s.timeout))
	if err == nil {
		err = s.p.command(cmd, payload)
	}
	if err == nil && reply {
		err = s.p.ok()
	}
	if err != nil {
		return &stepError{step: step, err: err}
	}
	return nil
}
