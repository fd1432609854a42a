// SPDX-License-Identifier: GPL-2.0-or-later
// sse: a client of npm's eventsource that writes each event of a stream as a line of JSON.
//
// Arguments: URL, kinds of events with commas between them.

import { EventSource } from "eventsource";

const [url, kinds] = process.argv.slice(2);
const source = new EventSource(url);

function tell(event) {
  process.stdout.write(JSON.stringify([event.type, event.lastEventId, event.data]) + "\n");
}

for (const kind of kinds.split(",")) {
  source.addEventListener(kind, tell);
}
source.addEventListener("end", () => source.close());
source.addEventListener("error", (error) => {
  process.stderr.write(`${error.code ?? ""} ${error.message ?? ""}\n`);
  if (source.readyState === EventSource.CLOSED) {
    process.exit(3);
  }
});
