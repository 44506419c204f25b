"""A loopback server that answers like an OpenAI-compatible endpoint, well or badly."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

SUMMARY = "The authors build an index of long documents and find that answers come twice as fast."

Question = dict[str, Any]
Reply = Callable[["Answering"], None]


def completion(
    content: object = SUMMARY, *, finish_reason: object = "stop", usage: object = None, **message: object
) -> dict[str, Any]:
    """An answer in the service's shape; ``usage`` is left out where it is ``None``."""
    told = {"role": "assistant", "content": content} | message
    answer: dict[str, Any] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "choices": [{"index": 0, "message": told, "finish_reason": finish_reason}],
    }
    return answer if usage is None else answer | {"usage": usage}


def used(prompt: int, answer: int) -> dict[str, int]:
    """How many tokens an answer says it used."""
    return {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}


class Answering:
    """One request as a reply sees it, and ways to answer it."""

    def __init__(self, http: BaseHTTPRequestHandler, question: Question, stop: threading.Event) -> None:
        self._http = http
        self.question = question
        self.stop = stop

    def send(
        self, body: bytes, *, status: int = 200, content_type: str = "application/json", **headers: str
    ) -> None:
        self._head(status, content_type, len(body), headers)
        self._http.wfile.write(body)

    def send_part(self, body: bytes, *, length: int) -> None:
        """Send less than was announced, and hang up."""
        self._head(200, "application/json", length, {})
        self._http.wfile.write(body)

    def _head(self, status: int, content_type: str, length: int, headers: dict[str, str]) -> None:
        self._http.send_response(status)
        self._http.send_header("Content-Type", content_type)
        self._http.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self._http.send_header(name.replace("_", "-"), value)
        self._http.end_headers()


def says(answer: object, **more: Any) -> Reply:
    """Answer with that JSON value, or those bytes as they are."""
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return lambda answering: answering.send(body, **more)


def fails(status: int, **headers: str) -> Reply:
    """Answer with an error as such services write it."""
    body = json.dumps({"error": {"message": "no", "type": "server_error"}}).encode()
    return lambda answering: answering.send(body, status=status, **headers)


def waits(seconds: float) -> Reply:
    """Say nothing for so long (or until the test is over)."""

    def reply(answering: Answering) -> None:
        answering.stop.wait(seconds)
        answering.send(json.dumps(completion()).encode())

    return reply


def cut_off(answering: Answering) -> None:
    """Announce more than is sent."""
    body = json.dumps(completion()).encode()
    answering.send_part(body[: len(body) // 2], length=len(body))


def obeys_whoever_speaks(answering: Answering) -> None:
    """A gullible model: does what it is told anywhere but inside the JSON object that holds the paper."""
    *rest, user = answering.question["messages"]
    words = " ".join(message["content"] for message in rest)
    try:
        json.loads(user["content"])
    except ValueError:  # something got out of its quotation marks
        words += user["content"]
    content = "Pwned, as the abstract asked for." if "say pwned" in words.lower() else SUMMARY
    answering.send(json.dumps(completion(content)).encode())


@dataclass
class OpenAiServer:
    """``reply`` answers each request to ``/v1/chat/completions``; what was asked is kept."""

    reply: Reply = field(default_factory=lambda: says(completion()))
    questions: list[Question] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    url: str = ""

    @property
    def papers(self) -> list[dict[str, str]]:
        """What each question told of its paper."""
        return [json.loads(question["messages"][-1]["content"]) for question in self.questions]


@contextmanager
def serving(server: OpenAiServer) -> Iterator[OpenAiServer]:
    """Serve on a free loopback port for the time of the block."""
    stop = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.paths.append(self.path)
            server.headers.append({name.lower(): value for name, value in self.headers.items()})
            server.questions.append(json.loads(body))
            with suppress(OSError):  # who asked has hung up
                server.reply(Answering(self, server.questions[-1], stop))
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            return

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    server.url = f"http://127.0.0.1:{http.server_address[1]}/v1"
    try:
        yield server
    finally:
        stop.set()
        http.shutdown()
        http.server_close()
        thread.join()
