package wire

import (
	"bufio"
	"io"
)

func newTestWriter(w io.Writer) *packetWriter { return &packetWriter{bw: bufio.NewWriter(w)} }
func newTestReader(r io.Reader) *packetReader { return &packetReader{br: bufio.NewReader(r)} }
