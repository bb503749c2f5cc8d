package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/spf13/cobra"

	"binrelay/conf"
)

// stopTimeout is how long statements may go on after a signal, before they are
// cancelled.
const stopTimeout = 10 * time.Second

func serveCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run one server in the foreground",
		Long: `Run one server in the foreground.

Options come from the command line, from environment variables BINRELAY_<OPTION>,
from the file named by --defaults-file (a my.cnf, groups [mysqld], [server] and
[binrelay], or YAML), and from defaults, in this order.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := conf.Load(cmd.Flags())
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return serve(ctx, cfg, newLogger(cfg.LogVerbosity))
		},
	}
	conf.Flags(c.Flags())
	return c
}

// newLogger logs to standard error; verbosity is log_error_verbosity.
func newLogger(verbosity int) *slog.Logger {
	level := slog.LevelInfo
	switch verbosity {
	case 1:
		level = slog.LevelError
	case 3:
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
}

// serve runs a server until ctx ends, then stops it in order.
func serve(ctx context.Context, cfg *conf.Config, log *slog.Logger) error {
	for _, w := range cfg.Warnings {
		log.Warn(w)
	}
	l, err := listen(cfg)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	h := host{listener: l, log: log, fs: vfs.Default, shutdown: cancel}
	if cfg.Socket != "" {
		h.socket = func() (net.Listener, error) { return listenSocket(cfg.Socket) }
	}
	n, err := open(ctx, cfg, h)
	if err != nil {
		l.Close()
		return err
	}
	log.Info("ready for connections", "version", cfg.Version, "address", l.Addr().String(), "server_id", cfg.ServerID, "datadir", cfg.DataDir)
	<-ctx.Done()
	log.Info("shutting down")
	// A second Ctrl-C kills, as the default handler does. A second SIGTERM does
	// not: a demo that dies may send it once for each of its threads.
	signal.Reset(os.Interrupt)
	stopCtx, stop := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer stop()
	if err := n.close(stopCtx); err != nil {
		return fmt.Errorf("shut down: %w", err)
	}
	log.Info("shutdown complete")
	return nil
}

// listen opens the server's port before anything else is touched, so that a
// port in use costs nothing.
func listen(cfg *conf.Config) (net.Listener, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(cfg.BindAddress, strconv.Itoa(cfg.Port)))
	if errors.Is(err, syscall.EADDRINUSE) {
		//lint:ignore ST1005 these are MySQL's words
		return nil, fmt.Errorf("Can't start server: Bind on TCP/IP port: Address already in use. "+
			"Do you already have another mysqld server running on port: %d ?", cfg.Port)
	}
	if err != nil {
		return nil, fmt.Errorf("can't listen: %w", err)
	}
	return l, nil
}

// listenSocket opens the Unix socket at path, for every user of the machine as
// mysqld does. A file that a killed server left behind is replaced.
func listenSocket(path string) (net.Listener, error) {
	if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
		c.Close()
		return nil, fmt.Errorf("socket %s: another process is using it", path)
	}
	if st, err := os.Lstat(path); err == nil && st.Mode()&os.ModeSocket != 0 {
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("remove the socket of an earlier server: %w", err)
		}
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("can't listen: %w", err)
	}
	if err := os.Chmod(path, 0o777); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}
