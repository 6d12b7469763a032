// Package registry lists the connectors of this build. Adding one is one line here.
package registry

import (
	"bizbridge/config"
	"bizbridge/connectors"
	"bizbridge/connectors/asapp"
	"bizbridge/connectors/chatwoot"
	"bizbridge/connectors/iadvize"
	"bizbridge/connectors/infobip"
	"bizbridge/connectors/libredesk"
	"bizbridge/connectors/sunshine"
	"bizbridge/connectors/webhook"
)

// Factories has every connector, in the order of the documentation.
var Factories = []connectors.Factory{
	webhook.Factory(),
	chatwoot.Factory(),
	libredesk.Factory(),
	sunshine.Factory(),
	infobip.Factory(),
	asapp.Factory(),
	iadvize.Factory(),
}

// Find gives the factory of a type.
func Find(connectorType string) (connectors.Factory, bool) {
	for _, factory := range Factories {
		if factory.Type == connectorType {
			return factory, true
		}
	}
	return connectors.Factory{}, false
}

// ConfigTypes is what the configuration loader needs.
func ConfigTypes() []config.ConnectorType {
	types := make([]config.ConnectorType, len(Factories))
	for i, factory := range Factories {
		types[i] = factory.ConfigType()
	}
	return types
}
