# SPDX-License-Identifier: GPL-2.0-or-later
"""scripted: a server that answers word for word what a test wrote down, for shapes of answers that
llmspool-mock does not have. What is answered is found by the request's model; each answer of a
model is given once, in order, and the last one again and again. All requests are kept."""
import http.server
import json
import threading


def reply(body, status=200, **headers):
    """An answer: body is JSON, or bytes or text as they are; headers have _ in place of -."""
    if not isinstance(body, (bytes, str)):
        body = json.dumps(body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    named.setdefault("content-type", "application/json")
    return status, named, body.encode() if isinstance(body, str) else body


class Scripted:
    """The server; script maps models to lists of replies."""

    def __init__(self, script):
        self.script = script
        self.requests = {}  # model: bodies
        self.lock = threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """One connection."""
            protocol_version = "HTTP/1.1"

            def do_POST(self):  # pylint: disable=invalid-name
                """Answers as the script says."""
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                status, headers, text = outer.next(body["model"], body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):  # pylint: disable=arguments-differ
                """Nothing is logged."""

        class Server(http.server.ThreadingHTTPServer):
            """Many connect at once."""
            daemon_threads = True
            request_queue_size = 256

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def next(self, model, body):
        """The answer to a request, which is counted."""
        with self.lock:
            asked = self.requests.setdefault(model, [])
            replies = self.script[model]
            asked.append(body)
            return replies[min(len(asked), len(replies)) - 1]

    def count(self, model):
        """How often a model was asked."""
        with self.lock:
            return len(self.requests.get(model, []))

    def close(self):
        """Stops listening."""
        self.server.shutdown()
        self.server.server_close()


def chat(content="fine", finish="stop", model="m", **more):
    """An answer of Chat Completions; usage=None leaves usage out."""
    usage = more.pop("usage", {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6})
    message = {"role": "assistant", "content": content, **more.pop("message", {})}
    document = {"id": "c1", "object": "chat.completion", "created": 1, "model": model,
                "choices": [{"index": 0, "message": message, "finish_reason": finish}], **more}
    if usage is not None:
        document["usage"] = usage
    return document
