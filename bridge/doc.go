// Package bridge is the application: it turns a configuration into listeners, routes and flows, reloads it, and drains
// when it is told to stop. The rooms beside this file hold the parts; nothing in them knows of gin or of the command
// line.
package bridge
