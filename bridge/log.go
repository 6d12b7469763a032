package bridge

import (
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
