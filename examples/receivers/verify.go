// Is this webhook genuine? One function for each way to sign one.
//
// Fed by a request's headers and by the exact bytes of its body; feeds a receiver
// with true or false. Guarantees that secrets and signatures are compared in
// constant time, that a signed time is at most five minutes away from now, and
// that an empty key never verifies anything. Copy all down to the runner at the
// end. Needs the standard library only.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"os"
	"regexp"
	"strconv"
	"strings"
)

const toleranceSeconds = 300

var wholeSeconds = regexp.MustCompile(`\A[0-9]{1,15}\z`)

// HmacFormat is how an HMAC of one's own is written.
type HmacFormat struct {
	Prefix string              // stands before the signature, as "sha256="
	Hash   func() hash.Hash    // sha256.New or sha512.New
	Encode func([]byte) string // hex.EncodeToString or base64.StdEncoding.EncodeToString
}

// In all of them: keys are those that you hold, more than one while you change
// over; a header that is not there is ""; lines are all lines of one header; now
// is time.Now().Unix().

// VerifyStandardV1 is for Standard Webhooks, "whsec_" keys: webhook-id,
// webhook-timestamp, webhook-signature.
func VerifyStandardV1(keys []string, id, timestamp, signature string, body []byte, now int64) bool {
	message, ok := standardMessage(id, timestamp, body, now)
	if !ok {
		return false
	}
	var expected []string
	for _, key := range withoutPrefix("whsec_", keys) {
		// The specification's least length, so that no empty or cut-off key is used.
		if secret := decode(key); len(secret) >= 24 {
			expected = append(expected, "v1,"+base64.StdEncoding.EncodeToString(mac(sha256.New, secret, message)))
		}
	}
	return matches(expected, strings.Split(signature, " "))
}

// VerifyStandardV1a is for Standard Webhooks, public keys "whpk_": the same three
// headers.
func VerifyStandardV1a(keys []string, id, timestamp, signature string, body []byte, now int64) bool {
	message, ok := standardMessage(id, timestamp, body, now)
	if !ok {
		return false
	}
	for _, key := range withoutPrefix("whpk_", keys) {
		for _, given := range withoutPrefix("v1a,", strings.Split(signature, " ")) {
			if verifyEd25519(decode(key), decode(given), message) {
				return true
			}
		}
	}
	return false
}

// VerifyStripe is for Stripe's format, "t=…,v1=…": stripe-signature, or the header
// that was chosen.
func VerifyStripe(keys []string, signature string, body []byte, now int64) bool {
	parts := strings.Split(signature, ",")
	for i, part := range parts {
		parts[i] = strings.TrimSpace(part)
	}
	times := withoutPrefix("t=", parts)
	if len(times) != 1 || !fresh(times[0], now) {
		return false
	}
	message := append([]byte(times[0]+"."), body...)
	format := HmacFormat{"", sha256.New, hex.EncodeToString}
	return matches(hmacs(keys, message, format), withoutPrefix("v1=", parts))
}

// VerifyHmac is for an HMAC of the body. It holds for ever and under any id:
// deduplicate by what the body names.
func VerifyHmac(keys, lines []string, format HmacFormat, body []byte) bool {
	return matches(hmacs(keys, body, format), headerValues(lines))
}

// VerifyTimestampedHmac is for an HMAC of "{timestamp}{separator}{body}", the
// timestamp in a header of its own.
func VerifyTimestampedHmac(
	keys []string, timestamp string, lines []string, separator string, format HmacFormat, body []byte, now int64,
) bool {
	if !fresh(timestamp, now) {
		return false
	}
	message := append([]byte(timestamp+separator), body...)
	return matches(hmacs(keys, message, format), headerValues(lines))
}

// VerifyStaticSecret is for the secret itself. It proves nothing about the body:
// only over TLS, and only if you must.
func VerifyStaticSecret(keys, lines []string, prefix string) bool {
	var expected []string
	for _, key := range keys {
		if key != "" {
			expected = append(expected, prefix+key)
		}
	}
	return matches(expected, headerValues(lines))
}

// What Standard Webhooks sign. A full stop in the id would let its parts be shifted.
func standardMessage(id, timestamp string, body []byte, now int64) ([]byte, bool) {
	if id == "" || strings.Contains(id, ".") || !fresh(timestamp, now) {
		return nil, false
	}
	return append([]byte(id+"."+timestamp+"."), body...), true
}

// Whether it is whole seconds, near enough to now that nobody kept the request for
// later.
func fresh(timestamp string, now int64) bool {
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || !wholeSeconds.MatchString(timestamp) {
		return false
	}
	return -toleranceSeconds <= now-seconds && now-seconds <= toleranceSeconds
}

// The signatures that would be right, one for each key.
func hmacs(keys []string, message []byte, format HmacFormat) []string {
	var expected []string
	for _, key := range keys {
		if key != "" {
			digest := mac(format.Hash, []byte(key), message)
			expected = append(expected, format.Prefix+format.Encode(digest))
		}
	}
	return expected
}

// One value for each key in force; on the way, lines may have been joined by commas.
func headerValues(lines []string) []string {
	values := append([]string{}, lines...)
	for _, line := range lines {
		if strings.Contains(line, ",") {
			for _, value := range strings.Split(line, ",") {
				values = append(values, strings.TrimSpace(value))
			}
		}
	}
	return values
}

// Whether one of these is one of those; the time it takes tells nothing of where
// they differ.
func matches(expected, given []string) bool {
	for _, one := range expected {
		for _, other := range given {
			if hmac.Equal([]byte(one), []byte(other)) {
				return true
			}
		}
	}
	return false
}

func verifyEd25519(key, signature, message []byte) bool {
	return len(key) == ed25519.PublicKeySize && ed25519.Verify(key, message, signature)
}

func mac(hash func() hash.Hash, key, message []byte) []byte {
	digest := hmac.New(hash, key)
	digest.Write(message)
	return digest.Sum(nil)
}

// Base64 in its one right form; anything else is empty.
func decode(text string) []byte {
	decoded, err := base64.StdEncoding.DecodeString(text)
	if err != nil || base64.StdEncoding.EncodeToString(decoded) != text {
		return nil
	}
	return decoded
}

// What follows the prefix in those texts that begin with it.
func withoutPrefix(prefix string, texts []string) []string {
	var rests []string
	for _, text := range texts {
		if rest, ok := strings.CutPrefix(text, prefix); ok {
			rests = append(rests, rest)
		}
	}
	return rests
}

// --- The runner, which you need not copy: go run verify.go VECTORS.json… --------

type vector struct {
	Name       string
	Valid      bool
	Scheme     string
	Keys       []string
	ID         string
	Timestamp  string
	Signatures []string
	Separator  string
	Prefix     string
	Hash       string
	Encoding   string
	Body       []byte `json:"body_base64"`
	Now        int64
}

func (v vector) format() HmacFormat {
	hashes := map[string]func() hash.Hash{"sha256": sha256.New, "sha512": sha512.New}
	encodings := map[string]func([]byte) string{
		"hex": hex.EncodeToString, "base64": base64.StdEncoding.EncodeToString,
	}
	return HmacFormat{v.Prefix, hashes[v.Hash], encodings[v.Encoding]}
}

func judge(v vector) bool {
	signature := strings.Join(v.Signatures[:min(1, len(v.Signatures))], "")
	switch v.Scheme {
	case "standard_v1":
		return VerifyStandardV1(v.Keys, v.ID, v.Timestamp, signature, v.Body, v.Now)
	case "standard_v1a":
		return VerifyStandardV1a(v.Keys, v.ID, v.Timestamp, signature, v.Body, v.Now)
	case "stripe":
		return VerifyStripe(v.Keys, signature, v.Body, v.Now)
	case "hmac":
		return VerifyHmac(v.Keys, v.Signatures, v.format(), v.Body)
	case "timestamped_hmac":
		return VerifyTimestampedHmac(v.Keys, v.Timestamp, v.Signatures, v.Separator, v.format(), v.Body, v.Now)
	case "static_secret":
		return VerifyStaticSecret(v.Keys, v.Signatures, v.Prefix)
	}
	panic("no scheme " + v.Scheme)
}

func main() {
	passed, failed := 0, 0
	for _, file := range os.Args[1:] {
		var table struct{ Vectors []vector }
		text, err := os.ReadFile(file)
		if err == nil {
			decoder := json.NewDecoder(bytes.NewReader(text))
			decoder.DisallowUnknownFields()
			err = decoder.Decode(&table)
		}
		if err != nil {
			fmt.Println(file, err)
			os.Exit(1)
		}
		for _, v := range table.Vectors {
			if judge(v) == v.Valid {
				passed++
			} else {
				failed++
				fmt.Printf("FAILED %s: %s\n", v.Scheme, v.Name)
			}
		}
	}
	fmt.Printf("%d passed\n", passed)
	if failed > 0 || passed == 0 {
		os.Exit(1)
	}
}
