package wire

// Capability flags of the handshake. Source: MySQL 8.0 source documentation,
// "Capabilities Flags".
const (
	capLongPassword      = 1 << 0
	capFoundRows         = 1 << 1
	capLongFlag          = 1 << 2
	capConnectWithDB     = 1 << 3
	capCompress          = 1 << 5
	capODBC              = 1 << 6
	capLocalFiles        = 1 << 7
	capIgnoreSpace       = 1 << 8
	capProtocol41        = 1 << 9
	capInteractive       = 1 << 10
	capSSL               = 1 << 11
	capTransactions      = 1 << 13
	capSecureConnection  = 1 << 15
	capMultiStatements   = 1 << 16
	capMultiResults      = 1 << 17
	capPSMultiResults    = 1 << 18
	capPluginAuth        = 1 << 19
	capConnectAttrs      = 1 << 20
	capPluginAuthLenenc  = 1 << 21
	capExpiredPasswords  = 1 << 22
	capSessionTrack      = 1 << 23
	capDeprecateEOF      = 1 << 24
	capZstd              = 1 << 26
	offeredCapabilities  = capLongPassword | capFoundRows | capLongFlag | capConnectWithDB | capODBC | capLocalFiles | capIgnoreSpace | capProtocol41 | capInteractive | capTransactions | capSecureConnection | capMultiStatements | capMultiResults | capPSMultiResults | capPluginAuth | capConnectAttrs | capPluginAuthLenenc | capExpiredPasswords | capSessionTrack | capDeprecateEOF
	requiredCapabilities = capProtocol41 | capSecureConnection
)

// Status flags of OK and EOF packets.
const (
	statusInTrans        = 0x0001
	statusAutocommit     = 0x0002
	statusMoreResults    = 0x0008
	statusSessionChanged = 0x4000
)

// Commands: the first byte of a packet in the command phase.
const (
	comQuit            = 0x01
	comInitDB          = 0x02
	comQuery           = 0x03
	comFieldList       = 0x04
	comRefresh         = 0x07
	comShutdown        = 0x08
	comStatistics      = 0x09
	comProcessKill     = 0x0c
	comPing            = 0x0e
	comChangeUser      = 0x11
	comBinlogDump      = 0x12
	comRegisterSlave   = 0x15
	comStmtPrepare     = 0x16
	comStmtExecute     = 0x17
	comStmtLongData    = 0x18
	comStmtClose       = 0x19
	comStmtReset       = 0x1a
	comSetOption       = 0x1b
	comStmtFetch       = 0x1c
	comBinlogDumpGTID  = 0x1e
	comResetConnection = 0x1f
)

// commandName is what SHOW PROCESSLIST prints while the command runs.
func commandName(c byte) string {
	switch c {
	case comQuery:
		return "Query"
	case comInitDB:
		return "Init DB"
	case comFieldList:
		return "Field List"
	case comRefresh:
		return "Refresh"
	case comStatistics:
		return "Statistics"
	case comProcessKill:
		return "Kill"
	case comPing:
		return "Ping"
	case comChangeUser:
		return "Change user"
	case comBinlogDump:
		return "Binlog Dump"
	case comBinlogDumpGTID:
		return "Binlog Dump GTID"
	case comRegisterSlave:
		return "Register Slave"
	case comStmtPrepare:
		return "Prepare"
	case comStmtExecute:
		return "Execute"
	case comStmtLongData:
		return "Long Data"
	case comStmtClose:
		return "Close stmt"
	case comStmtReset:
		return "Reset stmt"
	case comSetOption:
		return "Set option"
	case comStmtFetch:
		return "Fetch"
	case comResetConnection:
		return "Reset Connection"
	}
	return "Unknown"
}

// First bytes of response packets.
const (
	headerOK         = 0x00
	headerMoreData   = 0x01
	headerNull       = 0xfb
	headerLocalFile  = 0xfb
	headerEOF        = 0xfe
	headerAuthSwitch = 0xfe
	headerErr        = 0xff
)

// Column types of the protocol that need their own treatment.
const (
	typeDecimal    = 0x00
	typeTiny       = 0x01
	typeShort      = 0x02
	typeLong       = 0x03
	typeFloat      = 0x04
	typeDouble     = 0x05
	typeNull       = 0x06
	typeTimestamp  = 0x07
	typeLongLong   = 0x08
	typeInt24      = 0x09
	typeDate       = 0x0a
	typeTime       = 0x0b
	typeDatetime   = 0x0c
	typeYear       = 0x0d
	typeVarchar    = 0x0f
	typeBit        = 0x10
	typeVector     = 0xf2
	typeJSON       = 0xf5
	typeNewDecimal = 0xf6
	typeEnum       = 0xf7
	typeSet        = 0xf8
	typeTinyBlob   = 0xf9
	typeMediumBlob = 0xfa
	typeLongBlob   = 0xfb
	typeBlob       = 0xfc
	typeVarString  = 0xfd
	typeString     = 0xfe
	typeGeometry   = 0xff

	// flagUnsigned is the bit in a parameter's type flags.
	flagUnsigned = 0x80
)

// Column flags.
const (
	colNotNull   = 0x0001
	colPriKey    = 0x0002
	colUniqueKey = 0x0004
	colBlob      = 0x0010
	colUnsigned  = 0x0020
	colBinary    = 0x0080
	colEnum      = 0x0100
	colAutoInc   = 0x0200
	colTimestamp = 0x0400
	colSet       = 0x0800
	colNum       = 0x8000
)

// binaryCollation is the collation id of everything that is not text.
const binaryCollation = 63

// Error numbers the wire itself reports.
const (
	erTooManyConnections = 1040
	erHandshake          = 1043
	erDBAccessDenied     = 1044
	erAccessDenied       = 1045
	erUnknownCommand     = 1047
	erServerShutdown     = 1053
	erUnknown            = 1105
	erPacketTooLarge     = 1153
	erPacketsOutOfOrder  = 1156
	erAccessNeeded       = 1227
	erNotSupportedYet    = 1235
	erTableDefChanged    = 1412
	erUnknownStmt        = 1243
	erInterrupted        = 1317
	erNoCursor           = 1421
	erMalformedPacket    = 1835
	erMustChangeToLogin  = 1862
	erAccountLocked      = 3118
	erSecureTransport    = 3159
	erLocalDataDisabled  = 3948
	erIdleDisconnect     = 4031
	erTooManyPlaceholder = 1390
	erNotPreparable      = 1295
)

// sqlError is an error of the wire's own, or a translated one, ready to be sent.
type sqlError struct {
	num   uint16
	state string
	msg   string
}

func (e *sqlError) Error() string { return e.msg }

func wireError(num uint16, state, msg string) *sqlError {
	return &sqlError{num: num, state: state, msg: msg}
}

// errMalformed is the answer to a packet whose fields do not fit.
var errMalformed = wireError(erMalformedPacket, "HY000", "Malformed communication packet.")
