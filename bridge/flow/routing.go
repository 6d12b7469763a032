package flow

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"bizbridge/bridge/message"
	"bizbridge/connectors"
)

// Route is one helpdesk of a business that has several. A conversation that is open at one of them stays there; a new one
// goes to the first whose patterns its beginning matches.
type Route struct {
	Desk                  *Desk
	Intent, Group, Locale string // patterns in which * stands for anything; "" matches everything
}

// matches compares what Apple says with the first text of a conversation. What it does not say matches * only.
func (r Route) matches(device message.Device) bool {
	for pattern, text := range map[string]string{r.Intent: device.Intent, r.Group: device.Group, r.Locale: device.Locale} {
		if pattern != "" && !glob(pattern).MatchString(text) {
			return false
		}
	}
	return true
}

func glob(pattern string) *regexp.Regexp {
	return regexp.MustCompile("(?is)^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*") + "$")
}

// home is where this replica has last seen a conversation. It saves asking all helpdesks about each message.
type home struct {
	desk string
	at   time.Time
}

// homeFor is how long that counts. A conversation that was resolved meanwhile goes back to the helpdesk that had it, which
// opens it again.
const homeFor = 5 * time.Minute

// routeInbound finds the helpdesk of an event. nil without a failure: there is none to tell, since typing and leaving open
// no conversation. Where it cannot be found out, nothing is delivered: a second conversation about the same thing would be
// opened elsewhere.
func (f *Flow) routeInbound(ctx context.Context, event message.Event) (*Desk, *message.Failure) {
	data := event.Data
	routes := f.Routes[data.BusinessID]
	if len(routes) == 0 {
		return f.Desks[data.BusinessID], nil
	}
	begins := data.Intent != "" || data.Group != "" // Apple says so with the first text only
	if event.Type == message.EventClosed {          // where a new one goes is another question
		defer f.Memory.homes.Remove(conversation(data.BusinessID, data.CustomerID))
	}
	if desk := f.home(routes, data.BusinessID, data.CustomerID); desk != nil && !begins {
		return desk, nil
	}
	if event.Type.Typing() {
		return nil, nil
	}
	desk, failure := f.findOpen(ctx, routes, data.BusinessID, data.CustomerID)
	switch {
	case failure != nil:
		return nil, failure
	case desk == nil && event.Type == message.EventClosed:
		return nil, nil
	case desk == nil:
		device, _ := f.Memory.devices.Get(conversation(data.BusinessID, data.CustomerID))
		desk = choose(routes, device)
	}
	f.settle(data.BusinessID, data.CustomerID, desk)
	return desk, nil
}

// choose takes the first route that matches, or the last.
func choose(routes []Route, device message.Device) *Desk {
	i := slices.IndexFunc(routes, func(route Route) bool { return route.matches(device) })
	if i < 0 {
		i = len(routes) - 1
	}
	return routes[i].Desk
}

func (f *Flow) home(routes []Route, business message.BusinessID, customer message.CustomerID) *Desk {
	known, ok := f.Memory.homes.Get(conversation(business, customer))
	if !ok || f.Now().Sub(known.at) > homeFor {
		return nil
	}
	return deskNamed(routes, known.desk)
}

func deskNamed(routes []Route, name string) *Desk {
	i := slices.IndexFunc(routes, func(route Route) bool { return route.Desk.Name == name })
	if i < 0 {
		return nil
	}
	return routes[i].Desk
}

// settle remembers where a conversation is.
func (f *Flow) settle(business message.BusinessID, customer message.CustomerID, desk *Desk) {
	f.Memory.homes.Add(conversation(business, customer), home{desk.Name, f.Now()})
}

// findOpen asks all helpdesks at once. nil: the conversation is open in none. A helpdesk that cannot say counts only where
// no other has the conversation.
func (f *Flow) findOpen(ctx context.Context, routes []Route, business message.BusinessID, customer message.CustomerID) (*Desk, *message.Failure) {
	ctx, cancel := halfOf(ctx)
	defer cancel()
	var desks []*Desk
	for _, route := range routes {
		if !slices.Contains(desks, route.Desk) {
			desks = append(desks, route.Desk)
		}
	}
	open, failures := make([]bool, len(desks)), make([]*message.Failure, len(desks))
	var asked errgroup.Group
	for i, desk := range desks {
		asked.Go(func() error {
			failures[i] = f.protect(desk.Name, func() (err error) {
				finder, ok := desk.Connector.(connectors.ConversationFinder)
				if ok { // the configuration takes no others
					open[i], err = finder.HasOpenConversation(ctx, business, customer)
				}
				return err
			})
			return nil
		})
	}
	_ = asked.Wait()
	if i := slices.Index(open, true); i >= 0 {
		return desks[i], nil
	}
	for i, failure := range failures {
		if failure != nil {
			return nil, &message.Failure{
				Class: message.Transient, RetryAfter: failure.RetryAfter, Err: failure,
				Reason: "it cannot be found out whether " + desks[i].Name + " has the conversation",
			}
		}
	}
	return nil, nil
}

// routeOutbound finds the helpdesk that hears of what becomes of a message: the one that sends it, else where the
// conversation is.
func (f *Flow) routeOutbound(ctx context.Context, sender Sender, business message.BusinessID, customer message.CustomerID) *Desk {
	routes := f.Routes[business]
	for _, route := range routes {
		if route.Desk.Sender.Source == sender.Source {
			f.settle(business, customer, route.Desk)
			return route.Desk
		}
	}
	return f.deskOf(ctx, business, customer)
}

// deskOf is the helpdesk that has a customer's conversation, as far as it can be found out; else the one of new ones. nil: the
// business is not configured.
func (f *Flow) deskOf(ctx context.Context, business message.BusinessID, customer message.CustomerID) *Desk {
	routes := f.Routes[business]
	if len(routes) == 0 {
		return f.Desks[business]
	}
	if desk := f.home(routes, business, customer); desk != nil {
		return desk
	}
	ctx, cancel := f.bounded(ctx, f.Timeout)
	defer cancel()
	if desk, _ := f.findOpen(ctx, routes, business, customer); desk != nil {
		f.settle(business, customer, desk)
		return desk
	}
	device, _ := f.Memory.devices.Get(conversation(business, customer))
	return choose(routes, device)
}

// serves tells whether a helpdesk is one of a business's.
func (f *Flow) serves(desk *Desk, business message.BusinessID) bool {
	its := f.Desks[business]
	return its != nil && its.Name == desk.Name || deskNamed(f.Routes[business], desk.Name) != nil
}
