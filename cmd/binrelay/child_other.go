//go:build !linux

package main

import "syscall"

// childAttr gives a child its own process group.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
