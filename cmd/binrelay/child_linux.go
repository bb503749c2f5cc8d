package main

import "syscall"

// childAttr gives a child its own process group, and ends it when the parent
// dies without having stopped it.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
