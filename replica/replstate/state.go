package replstate

import "strings"

// State is what a replication thread does, in the wording of MySQL 8.0.26 and
// later. Old gives the wording before.
type State string

// States of the IO thread.
const (
	StateNone                State = ""
	StateConnecting          State = "Connecting to source"
	StateCheckingVersion     State = "Checking source version"
	StateRegistering         State = "Registering replica on source"
	StateRequestingDump      State = "Requesting binlog dump"
	StateWaitingForEvent     State = "Waiting for source to send event"
	StateQueueing            State = "Queueing source event to the relay log"
	StateReconnectWaitReg    State = "Waiting to reconnect after a failed registration on source"
	StateReconnectWaitDump   State = "Waiting to reconnect after a failed binlog dump request"
	StateReconnectWaitRead   State = "Waiting to reconnect after a failed source event read"
	StateReconnectingReg     State = "Reconnecting after a failed registration on source"
	StateReconnectingDump    State = "Reconnecting after a failed binlog dump request"
	StateReconnectingRead    State = "Reconnecting after a failed source event read"
	StateWaitingForRelayRoom State = "Waiting for the replica SQL thread to free relay log space"
)

// States of the SQL thread.
const (
	StateNextEvent        State = "Waiting for the next event in relay log"
	StateReadingRelay     State = "Reading event from the relay log"
	StateReadAll          State = "Replica has read all relay log; waiting for more updates"
	StateWaitingForWindow State = "Waiting for replica workers to process their queues"
	StateDependent        State = "Waiting for dependent transaction to commit"
)

// States of a dump thread.
const (
	StateSending   State = "Sending binlog event to replica"
	StateSwitching State = "Finished reading one binlog; switching to next binlog"
	StateSentAll   State = "Source has sent all binlog to replica; waiting for more updates"
	StateFinishing State = "Waiting to finalize termination"
)

var oldWords = strings.NewReplacer(
	"to free relay log space", "to free enough relay log space",
	"SOURCE_DELAY", "MASTER_DELAY",
	"Source", "Master", "source", "master",
	"Replica ", "Slave ", "replica", "slave",
)

// Old returns the state in the wording before 8.0.26, with master and slave.
func (s State) Old() string { return oldWords.Replace(string(s)) }

// Text returns the old or the new wording.
func (s State) Text(old bool) string {
	if old {
		return s.Old()
	}
	return string(s)
}
