// SPDX-License-Identifier: GPL-2.0-or-later
// canonicalize.mjs: questions to our canonical form, with the answers of others.
//
//   node canonicalize.mjs documents SEED COUNT INPUT WANTED
//       JSON documents, one a line, spelled in many ways, and what npm's canonicalize makes of them
//   node canonicalize.mjs numbers SEED COUNT INPUT WANTED
//       lines of random doubles, and what String() makes of them
import { writeFileSync } from "node:fs";
import canonicalize from "canonicalize";

const [kind, seed, count, input, wanted] = process.argv.slice(2);

// 32 random bits each; xorshift64* of Vigna, "An experimental exploration of Marsaglia's xorshift
// generators" (2016).
let state = BigInt(seed);
function bits() {
    state ^= state >> 12n;
    state = BigInt.asUintN(64, state ^ (state << 25n));
    state ^= state >> 27n;
    return Number(BigInt.asUintN(64, state * 0x2545F4914F6CDD1Dn) >> 32n);
}
const below = (bound) => Math.floor((bits() / 2 ** 32) * bound);
const pick = (list) => list[below(list.length)];

const view = new DataView(new ArrayBuffer(8));
function fromBits(high, low) {
    view.setUint32(0, high);
    view.setUint32(4, low);
    return view.getFloat64(0);
}
// The double that lies steps further from zero.
function neighbour(number, steps) {
    view.setFloat64(0, number);
    view.setBigUint64(0, BigInt.asUintN(64, view.getBigUint64(0) + BigInt(steps)));
    return view.getFloat64(0);
}

const boundaries = [0, -0, 1e21, 1e20, 1e22, 1e-6, 1e-7, 0.1, 4.35, 2 ** 53, 2 ** 53 - 1,
    2 ** 53 + 2, -(2 ** 53), Number.MAX_VALUE, Number.MIN_VALUE, 2 ** -1022, 2 ** 63, 2 ** 64,
    123456789012345680000, 999999999999999, 1e15, 1e16, 9.5e-7];
const magnitudes = [
    () => fromBits(bits(), bits()),
    () => fromBits(bits() & 0x800fffff, bits()),                      // subnormal
    () => fromBits(bits() & 0x80000000, below(100)),                  // the smallest of them
    () => neighbour(2 ** (below(2098) - 1074), below(5) - 2),         // around powers of two
    () => neighbour(Number(`1e${below(632) - 323}`), below(5) - 2),   // around powers of ten
    () => neighbour(pick(boundaries), below(3) - 1),
    () => below(2000) - 1000,
    () => (bits() * 2 ** 21 + below(2 ** 21)) * pick([1, -1, 2 ** 10, 2 ** 20]),
    () => (below(2000000) - 1000000) / pick([10, 100, 1000, 10000, 1000000]),
    () => Number(`${below(1e9)}${below(1e9)}e${below(60) - 30}`),
    () => Math.fround(bits() / 2 ** below(60)),
];
function number() {
    for (;;) {
        const value = pick(magnitudes)();
        if (Number.isFinite(value)) return value;
    }
}

// Never an integer token beyond 2^53 - 1, which is refused on purpose.
function spellNumber(value) {
    if (Object.is(value, -0)) return pick(["-0", "-0.0", "-0e5"]);
    if (Number.isSafeInteger(value)) return pick([String(value), `${value}.0`, `${value}e0`]);
    return pick([value.toExponential(16), value.toExponential(20).replace("e", "E"),
        value.toExponential()]);
}

const pieces = ["a", "Z", "0", "é", "e\u0301", "\u00df", "\u20ac", "\ud7ff", "\ue000", "\ufb33",
    "\ufffd", "\uffff", "\u{10000}", "\u{1f602}", "\u{10ffff}", "\u2028", "\u007f", "\u0080", "/",
    "\\", "\"", "\b", "\t", "\n", "\f", "\r", "\u0001", "\u001f", "<", " ", "'"];
const string = () => Array.from({ length: below(7) }, () => pick(pieces)).join("");
const hex = (unit) => {
    const digits = unit.toString(16).padStart(4, "0");
    return `\\u${pick([digits, digits.toUpperCase()])}`;
};
function spellString(text) {
    let out = "\"";
    for (const character of text) {
        if (below(4) === 0) {
            for (let i = 0; i < character.length; i++) out += hex(character.charCodeAt(i));
        } else {
            out += character === "/" && below(2) ? "\\/" : JSON.stringify(character).slice(1, -1);
        }
    }
    return out + "\"";
}

const space = () => pick(["", "", "", " ", "\t", "  "]);
function spell(depth) {
    const kinds = depth > 5 ? 4 : 7;
    switch (below(kinds)) {
    case 0:
        return pick(["null", "true", "false"]);
    case 1:
        return spellString(string());
    case 2:
    case 3:
        return spellNumber(number());
    case 4:
        return list("[", "]", Array.from({ length: below(6) }, () => spell(depth + 1)));
    default: {
        const keys = new Set(Array.from({ length: below(9) }, string));
        return list("{", "}", [...keys].map((key) =>
            `${spellString(key)}${space()}:${space()}${spell(depth + 1)}`));
    }
    }
}
function list(open, close, items) {
    return open + space() + items.join(`${space()},${space()}`) + space() + close;
}

function documents() {
    // 60 levels, because the generator stops long before.
    const texts = [`${"[".repeat(60)}${"]".repeat(60)}`];
    while (texts.length < count) {
        texts.push(list("{", "}", [`"n":${spellNumber(number())}`, `"v":${spell(0)}`]));
    }
    return texts.map((text) => [text, canonicalize(JSON.parse(text))]);
}

function numbers() {
    const lines = [];
    for (let left = count; left > 0; left -= 100) {
        const values = Array.from({ length: Math.min(left, 100) }, number);
        const spelled = values.map((value) => value.toExponential(20));
        lines.push([`[${spelled}]`, `[${values.map(String)}]`]);
    }
    return lines;
}

const pairs = kind === "documents" ? documents() : numbers();
writeFileSync(input, pairs.map((pair) => `${pair[0]}\n`).join(""));
writeFileSync(wanted, pairs.map((pair) => `${pair[1]}\n`).join(""));
