// Package mapping lets the generic webhook helpdesk speak a foreign JSON. A mapping file says in jq which requests an
// event becomes, and which messages a webhook becomes; nothing is compiled into the bridge for it.
//
// [Load] compiles and checks a file, with every problem at its line. [Mapping.Deliver] turns an event into requests,
// [Mapping.Receive] a webhook into messages. The package opens no connection: requests go through a [Doer].
//
// A mapping file is written by the operator and trusted like configuration; the data that passes through it is not.
// Every query has a time limit and bounds on what it gives, and data cannot choose the host that is called.
package mapping
