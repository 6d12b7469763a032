package bridge

import (
	"bytes"
	"context"
	"io"
	"log/slog"

	"bizbridge/config"
)

// NewLogger writes what log says. The level can be changed later through the second result.
func NewLogger(w io.Writer, cfg config.Log) (*slog.Logger, *slog.LevelVar) {
	level := new(slog.LevelVar)
	level.Set(LogLevel(cfg))
	options := &slog.HandlerOptions{Level: level}
	if cfg.Format == "text" {
		return slog.New(slog.NewTextHandler(w, options)), level
	}
	return slog.New(slog.NewJSONHandler(w, options)), level
}

// LogLevel reads log.level, which the configuration has validated.
func LogLevel(cfg config.Log) slog.Level {
	var level slog.Level
	if level.UnmarshalText([]byte(cfg.Level)) != nil {
		return slog.LevelInfo
	}
	return level
}

// serverLog takes what net/http has to say. Strangers that cannot speak TLS come all the time; everything else is worth
// a look.
type serverLog struct{ logger *slog.Logger }

func (l serverLog) Write(line []byte) (int, error) {
	level := slog.LevelWarn
	if bytes.Contains(line, []byte("TLS handshake error")) {
		level = slog.LevelDebug
	}
	l.logger.Log(context.Background(), level, "http server", "problem", string(bytes.TrimSpace(line)))
	return len(line), nil
}
