package tables

import (
	"strconv"
	"strings"
	"sync"
	"time"
)

var zones sync.Map // name → *time.Location

// zoneOf returns the time zone that @@time_zone names: SYSTEM, an offset like
// +02:00, or a name of the zone database. An unknown name counts as UTC; SET
// refuses those.
func zoneOf(name string) *time.Location {
	if name == "" || strings.EqualFold(name, "SYSTEM") {
		if time.Local.String() == "UTC" {
			return time.UTC
		}
		return time.Local
	}
	if z, ok := zones.Load(name); ok {
		return z.(*time.Location)
	}
	z := parseZone(name)
	zones.Store(name, z)
	return z
}

func parseZone(name string) *time.Location {
	if name[0] == '+' || name[0] == '-' {
		hours, minutes, ok := strings.Cut(name[1:], ":")
		h, err1 := strconv.Atoi(hours)
		m, err2 := strconv.Atoi(minutes)
		if !ok || err1 != nil || err2 != nil || h > 14 || m > 59 {
			return time.UTC
		}
		offset := h*3600 + m*60
		if offset == 0 {
			return time.UTC
		}
		if name[0] == '-' {
			offset = -offset
		}
		return time.FixedZone(name, offset)
	}
	z, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	return z
}
