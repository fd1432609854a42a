// SPDX-License-Identifier: GPL-2.0-or-later
//! drop.rs: a client of a spool in one file: `rustc -O drop.rs` makes the command, `mod drop;` the
//! module. It needs nothing but std. The protocol is in ../README.
#![allow(dead_code)]
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::{env, process, thread, time::Duration};

const USAGE: &str = "drop submit SPOOL < JOB      drops a job durably; prints its ID and its name in new/
drop wait SPOOL ID [NAME]    until it has ended: 0 completed, 1 failed or refused
drop result SPOOL ID         prints its newest answer
drop id SPOOL < JOB          prints the ID that a job gets";
const IDENTITY: [&str; 10] = ["type", "model", "prompt", "messages", "input", "system", "params", "user",
    "provider", "sample"];

/// Why there is no answer, as a sentence.
type Outcome<T> = Result<T, String>;

fn told<T>(path: &str, result: io::Result<T>) -> Outcome<T> {
    result.map_err(|error| format!("{}: {}", path, error))
}

/// A JSON value. Members are ordered by the UTF-16 units of their keys, as RFC 8785 wants them.
#[derive(Clone)]
pub enum Json { Null, Bool(bool), Number(f64), Text(String), List(Vec<Json>), Object(BTreeMap<Vec<u16>, Json>) }

struct Reader<'a> { text: &'a str, at: usize }

impl Reader<'_> {
    fn peek(&mut self) -> u8 {
        let bytes = self.text.as_bytes();
        while self.at < bytes.len() && b" \t\r\n".contains(&bytes[self.at]) { self.at += 1; }
        *bytes.get(self.at).unwrap_or(&0)
    }

    fn take(&mut self, wanted: &str) -> bool {
        self.peek();
        let found = self.text[self.at..].starts_with(wanted);
        if found { self.at += wanted.len(); }
        found
    }

    fn wrong<T>(&self) -> Outcome<T> { Err(format!("no JSON at byte {}", self.at)) }

    fn unit(&mut self) -> Outcome<u16> {
        let digits = self.text.get(self.at..self.at + 4).unwrap_or("");
        self.at += 4;
        u16::from_str_radix(digits, 16).or_else(|_| self.wrong())
    }

    fn string(&mut self) -> Outcome<String> {
        if !self.take("\"") { return self.wrong(); }
        let mut units: Vec<u16> = Vec::new();
        loop {
            let c = match self.text[self.at..].chars().next() { Some(c) => c, None => return self.wrong() };
            self.at += c.len_utf8();
            if c == '"' { return String::from_utf16(&units).or_else(|_| self.wrong()); }
            if c != '\\' {
                units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
                continue;
            }
            let escape = *self.text.as_bytes().get(self.at).unwrap_or(&0);
            self.at += 1;
            units.push(match escape {
                b'b' => 8, b't' => 9, b'n' => 10, b'f' => 12, b'r' => 13, b'u' => self.unit()?,
                b'"' | b'\\' | b'/' => escape as u16,
                _ => return self.wrong(),
            });
        }
    }

    fn value(&mut self) -> Outcome<Json> {
        match self.peek() {
            b'"' => return Ok(Json::Text(self.string()?)),
            b'{' => {
                let mut members = BTreeMap::new();
                self.take("{");
                while !self.take("}") {
                    if !members.is_empty() && !self.take(",") { return self.wrong(); }
                    let key = self.string()?.encode_utf16().collect();
                    if !self.take(":") { return self.wrong(); }
                    members.insert(key, self.value()?);
                }
                return Ok(Json::Object(members));
            }
            b'[' => {
                let mut items = Vec::new();
                self.take("[");
                while !self.take("]") {
                    if !items.is_empty() && !self.take(",") { return self.wrong(); }
                    items.push(self.value()?);
                }
                return Ok(Json::List(items));
            }
            _ => (),
        }
        for (word, value) in [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))] {
            if self.take(word) { return Ok(value); }
        }
        let rest = &self.text[self.at..];
        let number = &rest[..rest.find(|c: char| !"+-.eE0123456789".contains(c)).unwrap_or(rest.len())];
        self.at += number.len();
        number.parse().map(Json::Number).or_else(|_| self.wrong())
    }
}

impl Json {
    pub fn parse(text: &str) -> Outcome<Json> {
        let mut reader = Reader { text, at: 0 };
        let value = reader.value()?;
        if reader.peek() == 0 { Ok(value) } else { reader.wrong() }
    }

    fn read(path: &str) -> Outcome<Json> { Json::parse(&told(path, fs::read_to_string(path))?) }

    pub fn get(&self, key: &str) -> Option<&Json> {
        match self { Json::Object(members) => members.get(&utf16(key)), _ => None }
    }

    fn text(&self, key: &str) -> String {
        match self.get(key) { Some(Json::Text(text)) => text.clone(), _ => String::new() }
    }

    /// The canonical form of RFC 8785.
    pub fn canonical(&self) -> String {
        match self {
            Json::Null => "null".to_string(),
            Json::Bool(value) => value.to_string(),
            Json::Number(value) => number(*value),
            Json::Text(text) => quoted(text),
            Json::List(items) => format!("[{}]", items.iter().map(Json::canonical).collect::<Vec<_>>().join(",")),
            Json::Object(members) => format!("{{{}}}", members.iter()
                .map(|(key, value)| quoted(&String::from_utf16_lossy(key)) + ":" + &value.canonical())
                .collect::<Vec<_>>().join(",")),
        }
    }
}

fn utf16(text: &str) -> Vec<u16> { text.encode_utf16().collect() }

/// A number as ECMAScript prints it.
fn number(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 { return "0".to_string(); }
    if (1e-6..1e21).contains(&size) { return value.to_string(); }
    let text = format!("{:e}", value);
    if size < 1.0 { text } else { text.replace('e', "e+") }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match "\u{8}\t\n\u{c}\r\"\\".find(c) {
            Some(at) => { out.push('\\'); out.push(b"btnfr\"\\"[at] as char); }
            None if c < ' ' => out += &format!("\\u{:04x}", c as u32),
            None => out.push(c),
        }
    }
    out + "\""
}

/// SHA-256 (FIPS 180-4) in hexadecimal digits. Its constants are bits of roots of the first primes.
pub fn sha256(data: &[u8]) -> String {
    let primes: Vec<u32> = (2..312).filter(|n| (2..*n).all(|d| n % d != 0)).collect();
    let bits = |root: f64| (root.fract() * 4294967296.0) as u32;
    let k: Vec<u32> = primes[..64].iter().map(|p| bits((*p as f64).cbrt())).collect();
    let mut h: Vec<u32> = primes[..8].iter().map(|p| bits((*p as f64).sqrt())).collect();
    let mut padded = data.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 { padded.push(0); }
    padded.extend_from_slice(&(data.len() as u64 * 8).to_be_bytes());
    for block in padded.chunks(64) {
        let mut w: Vec<u32> = block.chunks(4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]])).collect();
        for i in 16..64 {
            let (a, b) = (w[i - 15], w[i - 2]);
            let s0 = a.rotate_right(7) ^ a.rotate_right(18) ^ (a >> 3);
            let s1 = b.rotate_right(17) ^ b.rotate_right(19) ^ (b >> 10);
            w.push(w[i - 16].wrapping_add(s0).wrapping_add(w[i - 7]).wrapping_add(s1));
        }
        let mut v = h.clone();
        for i in 0..64 {
            let s1 = v[4].rotate_right(6) ^ v[4].rotate_right(11) ^ v[4].rotate_right(25);
            let choice = (v[4] & v[5]) ^ (!v[4] & v[6]);
            let t1 = v[7].wrapping_add(s1).wrapping_add(choice).wrapping_add(k[i]).wrapping_add(w[i]);
            let s0 = v[0].rotate_right(2) ^ v[0].rotate_right(13) ^ v[0].rotate_right(22);
            let t2 = s0.wrapping_add((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
            v[3] = v[3].wrapping_add(t1);
            v[7] = t1.wrapping_add(t2);
            v.rotate_right(1);
        }
        for i in 0..8 { h[i] = h[i].wrapping_add(v[i]); }
    }
    h.iter().map(|word| format!("{:08x}", word)).collect()
}

/// The ID of a job (JSON) in this spool.
pub fn job_id(spool: &str, job: &str) -> Outcome<String> {
    let job = Json::parse(job)?;
    let mut group = BTreeMap::new();
    group.insert(utf16("type"), Json::Text("chat".to_string()));
    if let Some(model) = Json::read(&format!("{}/spool.json", spool))?.get("default_model") {
        group.insert(utf16("model"), model.clone());
    }
    if told(spool, fs::metadata(format!("{}/new", spool)))?.mode() & 0o20 != 0 { // a shared spool
        let name = told("id", process::Command::new("id").arg("-un").output())?.stdout;
        group.insert(utf16("user"), Json::Text(String::from_utf8_lossy(&name).trim().to_string()));
    }
    for key in IDENTITY {
        if let Some(value) = job.get(key) { group.insert(utf16(key), value.clone()); }
    }
    Ok(sha256(Json::Object(group).canonical().as_bytes()))
}

/// Drops a job (JSON) durably; returns its ID and its name in new/.
pub fn submit(spool: &str, job: &str) -> Outcome<(String, String)> {
    let id = job_id(spool, job)?;
    let mut unique = [0; 16];
    told("/dev/urandom", File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut unique)))?;
    let name: String = unique.iter().map(|byte| format!("{:02x}", byte)).collect::<String>() + ".json";
    let (temporary, target) = (format!("{}/tmp/{}", spool, name), format!("{}/new/{}", spool, name));
    let file = OpenOptions::new().write(true).create_new(true).mode(0o640).open(&temporary);
    told(&temporary, file.and_then(|mut file| file.write_all(job.as_bytes()).and_then(|_| file.sync_all())))?;
    told(&target, fs::hard_link(&temporary, &target))?;
    told(&target, File::open(format!("{}/new", spool)).and_then(|folder| folder.sync_all()))?;
    told(&temporary, fs::remove_file(&temporary))?;
    Ok((id, name))
}

/// Waits until a job has ended; name is that of its drop. An error is the reason of a failure.
pub fn wait(spool: &str, id: &str, name: Option<&str>) -> Outcome<()> {
    let there = |folder: &str, name: &str| Path::new(&format!("{}/{}/{}", spool, folder, name)).exists();
    let failure = |name: &str| Err(Json::read(&format!("{}/failed/{}", spool, name))?.text("message"));
    let mut pause = 50;
    loop {
        if let Some(error) = name.map(|name| format!("{}.error.json", name)) {
            if there("failed", &error) { return failure(&error); }
        }
        if !name.map_or(false, |name| there("new", name)) && !there("cur", &format!("{}.json", id)) {
            if there("failed", &format!("{}.json", id)) { return failure(&format!("{}.error.json", id)); }
            if there("done", &format!("{}.json", id)) { return Ok(()); }
        }
        thread::sleep(Duration::from_millis(pause));
        pause = 1000.min(pause * 3 / 2);
    }
}

/// The newest good answer: a text, or the value that was asked for. An error is the reason of a failure.
pub fn result(spool: &str, id: &str) -> Outcome<Json> {
    let at = |version: u32| format!("{}/done/{}.v{}.json", spool, id, version);
    let mut last = 1;
    if Path::new(&at(1)).exists() { // the folder may be large: it is listed last
        while Path::new(&at(last + 1)).exists() { last += 1; }
    } else {
        let start = format!("{}.v", id);
        for entry in told(spool, fs::read_dir(format!("{}/done", spool)))?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let number = name.strip_prefix(&start).and_then(|name| name.strip_suffix(".json"));
            last = last.max(number.and_then(|number| number.parse().ok()).unwrap_or(0));
        }
    }
    while last > 0 && Path::new(&at(last)).exists() {
        let record = Json::read(&at(last))?;
        if record.text("status") == "completed" { return Ok(record.get("output").unwrap_or(&Json::Null).clone()); }
        last -= 1;
    }
    let error = format!("{}/failed/{}.error.json", spool, id);
    if Path::new(&error).exists() { return Err(Json::read(&error)?.text("message")); }
    Err("there is no answer yet".to_string())
}

fn run(words: &[&str]) -> Outcome<()> {
    let mut job = String::new();
    if matches!(words, ["submit" | "id", _]) { told("stdin", io::stdin().read_to_string(&mut job))?; }
    match words {
        ["submit", spool] => submit(spool, &job).map(|(id, name)| println!("{} {}", id, name)),
        ["id", spool] => job_id(spool, &job).map(|id| println!("{}", id)),
        ["wait", spool, id] => wait(spool, id, None),
        ["wait", spool, id, name] => wait(spool, id, Some(name)),
        ["result", spool, id] | ["result", spool, id, _] => result(spool, id).map(|answer| match answer {
            Json::Text(text) => println!("{}", text),
            other => println!("{}", other.canonical()),
        }),
        _ => { eprintln!("{}", USAGE); process::exit(64) }
    }
}

pub fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    if let Err(reason) = run(&words.iter().map(String::as_str).collect::<Vec<_>>()) {
        eprintln!("drop: {}", reason);
        process::exit(1);
    }
}
