// SPDX-License-Identifier: GPL-2.0-or-later

// drop.go is a client of a spool in one file: go build drop.go makes the command; as a library it is copied
// under the package's own name, without main. The protocol is in ../README.
package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/user"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

const usage = `drop submit SPOOL < JOB      drops a job durably; prints its ID and its name in new/
drop wait SPOOL ID [NAME]    until it has ended: 0 completed, 1 failed or refused
drop result SPOOL ID         prints its newest answer
drop id SPOOL < JOB          prints the ID that a job gets`

var identity = []string{"type", "model", "prompt", "messages", "input", "system", "params", "user", "provider", "sample"}

// number prints a number as ECMAScript does.
func number(value float64) string {
	if value == 0 {
		return "0"
	}
	if size := math.Abs(value); size >= 1e-6 && size < 1e21 {
		return strconv.FormatFloat(value, 'f', -1, 64)
	}
	text := strconv.FormatFloat(value, 'e', -1, 64)
	return strings.Replace(strings.Replace(text, "e-0", "e-", 1), "e+0", "e+", 1)
}

func quoted(text string) string {
	var out strings.Builder
	short := map[rune]string{'\b': `\b`, '\t': `\t`, '\n': `\n`, '\f': `\f`, '\r': `\r`, '"': `\"`, '\\': `\\`}
	for _, c := range text {
		if escape, found := short[c]; found {
			out.WriteString(escape)
		} else if c < 0x20 {
			fmt.Fprintf(&out, `\u%04x`, c)
		} else {
			out.WriteRune(c)
		}
	}
	return `"` + out.String() + `"`
}

// before orders keys by their UTF-16 units.
func before(a, b string) bool {
	x, y := utf16.Encode([]rune(a)), utf16.Encode([]rune(b))
	for i := 0; i < len(x) && i < len(y); i++ {
		if x[i] != y[i] {
			return x[i] < y[i]
		}
	}
	return len(x) < len(y)
}

// canonical gives the canonical form of RFC 8785.
func canonical(value any) string {
	var parts []string
	switch v := value.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		for key := range v {
			keys = append(keys, key)
		}
		sort.Slice(keys, func(i, j int) bool { return before(keys[i], keys[j]) })
		for _, key := range keys {
			parts = append(parts, quoted(key)+":"+canonical(v[key]))
		}
		return "{" + strings.Join(parts, ",") + "}"
	case []any:
		for _, item := range v {
			parts = append(parts, canonical(item))
		}
		return "[" + strings.Join(parts, ",") + "]"
	case float64:
		return number(v)
	case string:
		return quoted(v)
	case nil:
		return "null"
	}
	return fmt.Sprint(value)
}

func record(path string) (found map[string]any, err error) {
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &found)
	}
	return found, err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// JobID gives the ID of a job (JSON) in this spool.
func JobID(spool string, job []byte) (string, error) {
	var all map[string]any
	if err := json.Unmarshal(job, &all); err != nil {
		return "", err
	}
	settings, err := record(spool + "/spool.json")
	if err != nil {
		return "", err
	}
	group := map[string]any{"type": "chat"}
	if model, found := settings["default_model"]; found {
		group["model"] = model
	}
	if folder, err := os.Stat(spool + "/new"); err != nil {
		return "", err
	} else if folder.Mode()&0o20 != 0 { // a shared spool
		me, err := user.Current()
		if err != nil {
			return "", err
		}
		group["user"] = me.Username
	}
	for _, key := range identity {
		if value, found := all[key]; found {
			group[key] = value
		}
	}
	sum := sha256.Sum256([]byte(canonical(group)))
	return hex.EncodeToString(sum[:]), nil
}

// synced syncs and closes a file that was opened or written with this error.
func synced(file *os.File, err error) error {
	if file == nil {
		return err
	}
	if err == nil {
		err = file.Sync()
	}
	if closing := file.Close(); err == nil {
		err = closing
	}
	return err
}

// Submit drops a job (JSON) durably; it returns its ID and its name in new/.
func Submit(spool string, job []byte) (id, name string, err error) {
	if id, err = JobID(spool, job); err != nil {
		return "", "", err
	}
	unique := make([]byte, 16)
	if _, err = rand.Read(unique); err != nil {
		return "", "", err
	}
	name = hex.EncodeToString(unique) + ".json"
	temporary := spool + "/tmp/" + name
	file, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err == nil {
		_, err = file.Write(job)
	}
	if err = synced(file, err); err != nil {
		return "", "", err
	}
	if err = os.Link(temporary, spool+"/new/"+name); err != nil {
		return "", "", err
	}
	if err = synced(os.Open(spool + "/new")); err != nil {
		return "", "", err
	}
	return id, name, os.Remove(temporary)
}

func failure(path string) error {
	found, err := record(path)
	if err != nil {
		return err
	}
	return fmt.Errorf("%v", found["message"])
}

// Wait waits until a job has ended; name is that of its drop, or empty. A failure is an error.
func Wait(spool, id, name string) error {
	for pause := 50 * time.Millisecond; ; time.Sleep(pause) {
		if refused := spool + "/failed/" + name + ".error.json"; name != "" && exists(refused) {
			return failure(refused)
		}
		if !(name != "" && exists(spool+"/new/"+name)) && !exists(spool+"/cur/"+id+".json") {
			if exists(spool + "/failed/" + id + ".json") {
				return failure(spool + "/failed/" + id + ".error.json")
			}
			if exists(spool + "/done/" + id + ".json") {
				return nil
			}
		}
		if pause < time.Second {
			pause = pause * 3 / 2
		}
	}
}

// Result gives the newest good answer: a text, or the value that was asked for. A failure is an error.
func Result(spool, id string) (any, error) {
	at := func(version int) string { return fmt.Sprintf("%s/done/%s.v%d.json", spool, id, version) }
	last := 1
	if exists(at(1)) { // the folder may be large: it is listed last
		for exists(at(last + 1)) {
			last++
		}
	} else {
		paths, _ := filepath.Glob(spool + "/done/" + id + ".v*.json")
		for _, path := range paths {
			version := strings.TrimSuffix(path[strings.LastIndex(path, ".v")+2:], ".json")
			if number, err := strconv.Atoi(version); err == nil && number > last {
				last = number
			}
		}
	}
	for ; last > 0 && exists(at(last)); last-- {
		found, err := record(at(last))
		if err != nil || found["status"] == "completed" {
			return found["output"], err
		}
	}
	if path := spool + "/failed/" + id + ".error.json"; exists(path) {
		return nil, failure(path)
	}
	return nil, errors.New("there is no answer yet")
}

func run(arguments []string) (err error) {
	verb := fmt.Sprint(append(arguments, "")[0], len(arguments))
	var job []byte
	switch verb {
	case "submit2", "id2":
		if job, err = io.ReadAll(os.Stdin); err != nil {
			return err
		}
	}
	switch verb {
	case "submit2":
		id, name, err := Submit(arguments[1], job)
		if err == nil {
			fmt.Println(id, name)
		}
		return err
	case "id2":
		id, err := JobID(arguments[1], job)
		if err == nil {
			fmt.Println(id)
		}
		return err
	case "wait3", "wait4":
		return Wait(arguments[1], arguments[2], append(arguments, "")[3])
	case "result3", "result4":
		answer, err := Result(arguments[1], arguments[2])
		if text, plain := answer.(string); plain {
			fmt.Println(text)
		} else if err == nil {
			fmt.Println(canonical(answer))
		}
		return err
	}
	fmt.Fprintln(os.Stderr, usage)
	os.Exit(64)
	return nil
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "drop:", err)
		os.Exit(1)
	}
}
