package connectors

import (
	"fmt"

	"bizbridge/bridge/httpclient/auth"
)

// AuthSettings is what these settings have under auth, if anything.
func (f Factory) AuthSettings(settings any) []auth.Settings {
	if f.Auth == nil {
		return nil
	}
	list, _ := f.Auth(settings)
	return list
}

// Authorizer makes what authenticates the calls of a connector; nil where the settings ask for nothing. Close it.
func (f Factory) Authorizer(settings any, deps auth.Deps) (*auth.Authorizer, error) {
	if len(f.AuthSettings(settings)) == 0 {
		return nil, nil
	}
	list, origins := f.Auth(settings)
	deps.Origins = origins
	return auth.New(list, deps)
}

// ValidateAuth checks what a connector's settings have under auth.
func ValidateAuth(list []auth.Settings, report auth.Report) {
	auth.Validate("auth", list, report)
	for i := range list {
		if list[i].PerCustomer() {
			report(fmt.Sprintf("auth[%d].fields", i), "ask for something of a customer, which a connector does not know", "Write a login that serves all.")
		}
	}
}
