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
	"bizbridge/connectors/registry"
)

// devices stand for what customers have.
var devices = []struct {
	name   string
	device message.Device
}{
	{"iPhone", message.Device{Agent: "iPhone OS", Capabilities: message.ParseCapabilities("QUICK,LIST,TIME,AUTH,AUTH2,FORM")}},
	{"Mac", message.Device{Agent: "Mac OS X", Capabilities: message.ParseCapabilities("QUICK,LIST,TIME,AUTH,AUTH2")}},
	{"Watch", message.Device{Agent: "Watch OS"}},
}

// writeMatrix prints, for each connector, how well everything gets to the other side.
func writeMatrix(out io.Writer, cfg *config.Config) error {
	for _, name := range slices.Sorted(maps.Keys(cfg.Connectors)) {
		factory, ok := registry.Find(cfg.Connectors[name].Type)
		if !ok {
			continue // the configuration would not be valid
		}
		fmt.Fprintf(out, "\n%s (%s)\n", name, factory.Type)
		table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprint(table, "  to the phone\thelpdesk")
		for _, device := range devices {
			fmt.Fprint(table, "\t"+device.name)
		}
		fmt.Fprintln(table)
		for _, kind := range message.Kinds {
			fmt.Fprintf(table, "  %s\t%s", kind, factory.Abilities.Outbound[kind])
			for _, device := range devices {
				fmt.Fprintf(table, "\t%s", graded(kind, device.device))
			}
			fmt.Fprintln(table)
		}
		fmt.Fprintln(table, "\n  from the phone\thelpdesk")
		for _, event := range message.EventTypes {
			fmt.Fprintf(table, "  %s\t%s\n", event, factory.Abilities.Inbound[event])
		}
		if err := table.Flush(); err != nil {
			return err
		}
	}
	return nil
}

func graded(kind message.Kind, device message.Device) connectors.Level {
	if fallback.Shows(kind, device) {
		return connectors.Full
	}
	return connectors.Fallback
}
