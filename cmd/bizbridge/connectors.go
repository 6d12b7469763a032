package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"bizbridge/bridge/message"
	"bizbridge/connectors"
	"bizbridge/connectors/registry"
)

type connectorsCommand struct {
	JSON bool `help:"Print JSON."`
}

func (*connectorsCommand) Help() string {
	return `Lists the kinds of helpdesks, and how well each shows what customers and agents send: full, partial (shown, but not
all of it), fallback (something simpler stands for it), rejected (refused with an error), dropped (not seen). What is not
named is dropped.`
}

// listed is a kind of helpdesk as the command shows it.
type listed struct {
	Type        string                       `json:"type"`
	Summary     string                       `json:"summary"`
	Idempotent  bool                         `json:"idempotent"`
	ToHelpdesk  map[message.EventType]string `json:"to_helpdesk"`
	ToPhone     map[message.Kind]string      `json:"to_phone"`
	AnswersSoon string                       `json:"answer_within,omitempty"`
}

func (c *connectorsCommand) Run(std streams) error {
	if c.JSON {
		encoder := json.NewEncoder(std.out)
		encoder.SetIndent("", "  ")
		var all []listed
		for _, factory := range registry.Factories {
			all = append(all, list(factory))
		}
		return encoder.Encode(all)
	}
	for i, factory := range registry.Factories {
		if i > 0 {
			fmt.Fprintln(std.out)
		}
		fmt.Fprintf(std.out, "%s  %s\n", factory.Type, factory.Summary)
		fmt.Fprintf(std.out, "  to the phone     %s\n", byLevel(message.Kinds, factory.Abilities.Sends))
		fmt.Fprintf(std.out, "  to the helpdesk  %s\n", byLevel(message.EventTypes, factory.Abilities.Takes))
	}
	return nil
}

func list(factory connectors.Factory) listed {
	one := listed{
		Type: factory.Type, Summary: factory.Summary, Idempotent: factory.Abilities.Idempotent,
		ToHelpdesk: make(map[message.EventType]string), ToPhone: make(map[message.Kind]string),
	}
	for _, event := range message.EventTypes {
		one.ToHelpdesk[event] = factory.Abilities.Takes(event).String()
	}
	for _, kind := range message.Kinds {
		one.ToPhone[kind] = factory.Abilities.Sends(kind).String()
	}
	if factory.AnswerWithin > 0 {
		one.AnswersSoon = factory.AnswerWithin.String()
	}
	return one
}

// byLevel names what there is at each level, the best first: "full: text, files; partial: form".
func byLevel[K ~string](names []K, levelOf func(K) connectors.Level) string {
	var parts []string
	for _, level := range []connectors.Level{connectors.Full, connectors.Partial, connectors.Fallback, connectors.Rejected} {
		var at []string
		for _, name := range names {
			if levelOf(name) == level {
				at = append(at, string(name))
			}
		}
		if len(at) > 0 {
			parts = append(parts, level.String()+": "+strings.Join(at, ", "))
		}
	}
	return strings.Join(parts, "; ")
}
