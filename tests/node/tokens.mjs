// Makes tests/unit/data/tokens/counts.json: how many tokens of o200k_base each text there has.
//
//     cd SOMEWHERE && npm install gpt-tokenizer@3
//     cp SOURCE/tests/node/tokens.mjs . && node tokens.mjs SOURCE/tests/unit/data/tokens
//
// Needed only when a text is added or changed; the test reads what is committed.
import fs from 'node:fs';
import path from 'node:path';
import { countTokens } from 'gpt-tokenizer/encoding/o200k_base';

const folder = process.argv[2];
const texts = fs.readdirSync(folder).filter((name) => name.endsWith('.txt')).sort();
const counts = {};
for (const name of texts) {
  counts[name] = countTokens(fs.readFileSync(path.join(folder, name), 'utf8'));
}
fs.writeFileSync(path.join(folder, 'counts.json'),
  JSON.stringify({ encoding: 'o200k_base', counts }, null, 2) + '\n');
