// Package clients holds small programs over Go libraries that speak MySQL. They
// are a module of their own, so that the server's go.mod names none of them;
// tests/clients_test.go starts a server and runs them, each as one test here.
package clients
