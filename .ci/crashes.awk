# Sums up what the tests of `make crash` print, test by test, and fails if one of
# them did.
/^=== (RUN|PAUSE|CONT|NAME)/ { test = $3; sub(/\/.*/, "", test); next }
/^\[mysql\]/ { next }
{ print; fflush() }
/_test.go:/ {
	at = length($0) - length(substr($0, index($0, "_test.go")))
	said = substr($0, at)
	if (match(said, /[0-9]+ (crashes|kills|power cuts|cycles|partitions|runs|bits|halts)[,;: ]/) || match(said, /[0-9]+ (crashes|kills|power cuts|cycles|partitions|runs|bits|halts)$/)) {
		cycles[test] += substr(said, RSTART, RLENGTH) + 0
		ran[test] = 1
	}
	if (match(said, /[0-9]+ (steps|transactions) acknowledged/)) { acked[test] += substr(said, RSTART, RLENGTH) + 0; ran[test] = 1 }
	if (said ~ /lost/ && said !~ /0 lost/) lost[test]++
	if (said ~ /half there|half a|rows there/) half[test]++
}
/^panic:/ { panics[test]++; ran[test] = 1 }
/^--- (PASS|FAIL|SKIP)/ {
	name = $3
	seconds[name] = substr($4, 2) + 0
	verdict[name] = $2 ~ /FAIL/ ? "FAILED" : $2 ~ /SKIP/ ? "skipped" : ""
	if (!(name in order)) { order[name] = ++n; names[n] = name }
}
/^ *--- FAIL|^FAIL|^panic:/ { failed++ }
END {
	rule = "%-34s %8s %13s %5s %5s %7s %8s  %s\n"
	printf "\n" rule, "test", "cycles", "acknowledged", "lost", "half", "panics", "seconds", ""
	for (i = 1; i <= n; i++) {
		t = names[i]
		s += seconds[t]
		if (!ran[t] && verdict[t] == "") { other++; otherSeconds += seconds[t]; continue }
		printf rule, t, cycles[t] + 0, acked[t] + 0, lost[t] + 0, half[t] + 0, panics[t] + 0, int(seconds[t]), verdict[t]
	}
	printf rule, other " others", "", "", "", "", "", int(otherSeconds), ""
	for (t in ran) { c += cycles[t]; a += acked[t]; l += lost[t]; h += half[t]; p += panics[t] }
	printf rule, "in all", c + 0, a + 0, l + 0, h + 0, p + 0, int(s), failed ? "FAILED, the seeds are above" : "ok"
	exit failed > 0
}
