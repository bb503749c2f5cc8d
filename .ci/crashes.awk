# Sums up what the tests of `make crash` print, and fails if one of them did.
/^=== (RUN|PAUSE|CONT|NAME)/ { next }
/^\[mysql\]/ { next }
{ print; fflush() }
match($0, /[0-9]+ (crashes|kills|power cuts|cycles)[,;]/) { cycles += substr($0, RSTART, RLENGTH) + 0 }
match($0, /[0-9]+ (steps|transactions) acknowledged/) { acked += substr($0, RSTART, RLENGTH) + 0 }
/lost/ && /_test.go/ && !/0 lost/ { lost++ }
/half there|half a|rows there/ && /_test.go/ { half++ }
/^panic:/ { panics++ }
/^ *--- FAIL|^FAIL/ { failed++ }
END {
	printf "%d cycles, %d acknowledged, %d tests lost some, %d found half transactions, %d panics: %s\n",
		cycles, acked, lost, half, panics, failed ? "FAILED, the seeds are above" : "ok"
	exit failed > 0
}
