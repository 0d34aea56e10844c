// Package webtest looks at the page of wsdump --web in a browser, Chromium. It is
// no part of the library.
package webtest
