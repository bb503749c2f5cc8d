// Package auth holds accounts: password plugins and their stored hashes, the
// fast-authentication cache, the RSA key for passwords over plain TCP, the
// persistence of go-mysql-server's grant tables, and the rewriting of account
// statements so that the binlog never holds a password.
//
// Two plugins are known, with MySQL's stored forms:
//
//	mysql_native_password   *HEX(SHA1(SHA1(password)))
//	caching_sha2_password   $A$<rounds/1000, 3 hex>$<20 byte salt><43 byte digest>
//
// The digest is SHA-crypt with SHA-256 in crypt's base 64. The salts that we
// make are printable, so that a hash can stand in a statement as a plain string
// and print_identified_with_as_hex is never needed; hashes with binary salts, as
// MySQL makes them, are accepted from statements as strings and as 0x literals.
//
// Sources: MySQL 8.0 internals, "Authentication Method"; Drepper, "Unix crypt
// using SHA-256".
package auth
