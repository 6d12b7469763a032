package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"bizbridge/bridge/fallback"
	"bizbridge/bridge/message"
	"bizbridge/config"
	"bizbridge/connectors"
)

// devices stand for what customers have.
var devices = []struct {
	name   string
	device message.Device
}{
	{"iPhone", message.Device{Agent: "iPhone OS", Capabilities: message.ParseCapabilities("QUICK,LIST,TIME,AUTH,AUTH2,FORM")}},
	{"Mac", message.Device{Agent: "Mac OS X", Capabilities: message.ParseCapabilities("QUICK,LIST,TIME,AUTH,AUTH2")}},
	{"Watch", message.Device{Agent: "Watch OS", Capabilities: []message.Capability{}}},
}

// writeMatrix prints, for each connector, how well everything gets to the other side: what the helpdesk sends of it or
// shows, and what the devices of customers make of it.
func writeMatrix(out io.Writer, cfg *config.Config, abilities map[string]connectors.Abilities) error {
	for _, name := range slices.Sorted(maps.Keys(cfg.Connectors)) {
		can := abilities[name]
		fmt.Fprintf(out, "\n%s (%s)\n", name, cfg.Connectors[name].Type)
		table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprint(table, "  to the phone\thelpdesk")
		for _, device := range devices {
			fmt.Fprint(table, "\t"+device.name)
		}
		fmt.Fprintln(table)
		for _, kind := range message.Kinds {
			fmt.Fprintf(table, "  %s\t%s", kind, can.Sends(kind))
			for _, device := range devices {
				fmt.Fprintf(table, "\t%s", fallback.Grade(kind, device.device))
			}
			fmt.Fprintln(table)
		}
		fmt.Fprintln(table, "\n  from the phone\thelpdesk")
		for _, event := range message.EventTypes {
			fmt.Fprintf(table, "  %s\t%s\n", event, can.Takes(event))
		}
		if err := table.Flush(); err != nil {
			return err
		}
	}
	return nil
}
