"""For ``bench/deliver.py``: issues to send, the plain way of sending them, rss2email, and a sink."""

import inspect
import smtplib
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from html import escape
from pathlib import Path
from typing import Any

DUE = datetime(2026, 8, 18, 9, tzinfo=UTC)
SENDER = "digest@lists.example.org"
CANDIDATES = 200
INTERESTS = 50


# --- the receiving side ---


@contextmanager
def sink(program: str) -> Iterator[int]:
    """Postfix's ``smtp-sink`` on a free loopback port: takes every mail and forgets it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    process = subprocess.Popen(
        [program, "-u", "nobody", f"127.0.0.1:{port}", "200"], stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


# --- ours ---


def configure(
    folder: Path,
    *,
    source: str = "http://127.0.0.1:9",
    port: int = 0,
    papers: int = 15,
    connections: int = 0,
) -> None:
    """Write the settings; nothing in them leaves this machine. ``connections`` 0: as it is by default."""
    smtp = f'smtp_url = "smtp://127.0.0.1:{port}"\n' if port else ""
    smtp += f"smtp_connections = {connections}\n" if connections else ""
    (folder / "digest.toml").write_text(
        f'data_dir = "{folder / "data"}"\n{smtp}mail_from = "{SENDER}"\npapers = {papers}\n'
        'secret_key = "an invented key of this bench alone, long enough"\n'
        f'[[source]]\nname = "hf"\nkind = "huggingface"\nurl = "{source}"\nallow_private = true\n'
    )


def prepare(readers: int, papers: int) -> dict[str, float]:
    """Fill the current folder: papers read, an issue composed for each reader; what composing took."""
    from bench import generated
    from digest.app import make_app
    from digest.checking import read_settings
    from digest.pipeline.moment import Moment
    from digest.runs import run_compose, run_refresh
    from tests.daily_server import DailyServer, item, serving

    texts = enumerate(generated.texts(CANDIDATES), 1)
    today = [item(n, title=title, abstract=abstract, votes=n % 90) for n, (title, abstract) in texts]
    with serving(DailyServer({f"{DUE.date()}": today})) as site:
        configure(Path.cwd(), source=site.url, papers=papers)
        app = make_app(read_settings(), now=DUE)
        with closing(app.database):
            run_refresh(app, Moment(DUE, pinned=True), days=[DUE.date()])
            _add_readers(app, readers)
            began, cpu = time.perf_counter(), time.process_time()
            outcome = run_compose(app, Moment(DUE, pinned=True))
            took = {"wall": time.perf_counter() - began, "cpu": time.process_time() - cpu}
    if outcome.counts.get("issues") != readers:
        raise SystemExit(f"only {outcome.as_dict()} of {readers} issues were composed")
    return took


def _add_readers(app: Any, readers: int) -> None:
    """Readers by the thousand, each with one of some interests; one transaction."""
    from bench import generated
    from digest.models import Interest, Subscriber, Subscription

    words = [tuple(generated.topic_words(topic)[:3]) for topic in range(INTERESTS)]
    with app.database.write() as session:
        people = [
            Subscriber(
                email=f"reader{n}@example.org",
                email_key=f"reader{n}@example.org",
                status="active",
                feed_token=f"{n:043d}",
                created_at=DUE,
            )
            for n in range(1, readers + 1)
        ]
        session.add_all(people)
        session.flush()
        for n, reader in enumerate(people):
            assert reader.id is not None
            chosen = words[n % INTERESTS]
            session.add(
                Interest(subscriber_id=reader.id, name=chosen[0], keywords=list(chosen), created_at=DUE)
            )
            session.add(
                Subscription(
                    subscriber_id=reader.id, cadence="daily", hour=7, zone="UTC", feed=False, created_at=DUE
                )
            )


def deliver(split: "Split | None") -> dict[str, Any]:
    """Send what the current folder has; seconds, CPU-seconds, and by part where ``split`` is given."""
    from digest.app import make_app
    from digest.checking import read_settings
    from digest.pipeline.moment import Moment
    from digest.runs import run_deliver

    if split is not None:
        instrument(split)
    app = make_app(read_settings(), now=DUE)
    with closing(app.database):
        began, cpu = time.perf_counter(), time.process_time()
        outcome = run_deliver(app, Moment(DUE, pinned=True))
        took = {"wall": time.perf_counter() - began, "cpu": time.process_time() - cpu}
    if not outcome.ok:
        raise SystemExit(f"not all went: {outcome.as_dict()}")
    return {**took, "mails": outcome.counts["sent"], "parts": dict(split.seconds) if split else {}}


# What counts as which part: (module, class or None, function), "*" for all public ones. A call within another
# counts for itself alone; what is in none of them is "other": the loop, threads waking, starting.
PARTS = {
    "render": [("digest.render", None, "*"), ("digest.templating", None, "render_template")],
    "assemble": [
        ("digest.message", None, "*"),
        ("digest.pipeline.assemble", "Assembler", "*"),
        ("digest.pipeline.claims", "Claims", "_assemble"),
    ],
    "commit": [
        ("digest.pipeline.claims", "Claims", "take"),
        ("digest.pipeline.deliver", "Deliverer", "_settle"),
        ("digest.pipeline.ledger", "Ledger", "_write"),
        ("digest.storage.deliveries", None, "list_due"),
    ],
    "send": [("digest.mailer.smtp", "SmtpChannel", "send")],
}


class Split:
    """CPU time by part, each thread's own; a part that calls another is charged for itself alone."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.missing: list[str] = []
        self._stack = threading.local()

    def wrap(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, timed."""

        def timed(*words: Any, **options: Any) -> Any:
            above: list[float] = self._stack.__dict__.setdefault("within", [])
            above.append(0.0)
            began = time.thread_time()
            try:
                return call(*words, **options)
            finally:
                took = time.thread_time() - began
                self.seconds[part] += took - above.pop()
                if above:
                    above[-1] += took

        return timed


def instrument(split: Split) -> None:
    """Time the functions of ``PARTS`` wherever they are known by; those that are gone are noted."""
    import digest.runs  # noqa: F401 - so that all that delivers is loaded
    from digest.pipeline import deliver  # noqa: F401

    for part, places in PARTS.items():
        for module, owner, name in places:
            found = _functions(module, owner, name)
            if not found:
                split.missing.append(".".join(word for word in (module, owner, name) if word))
            for home, one, call in found:
                timed = split.wrap(part, call)
                setattr(home, one, timed)
                if owner is None:
                    _replace_imported(call, timed, one)


def _functions(module: str, owner: str | None, name: str) -> list[tuple[Any, str, Callable[..., Any]]]:
    import importlib

    try:
        home = importlib.import_module(module)
        home = getattr(home, owner) if owner else home
    except (ImportError, AttributeError):
        return []
    public = vars(home) if owner else getattr(home, "__all__", ())
    names = [one for one in public if not one.startswith("_")] if name == "*" else [name]
    calls = [(home, one, getattr(home, one, None)) for one in names]
    return [(home, one, call) for home, one, call in calls if inspect.isfunction(call)]


def _replace_imported(call: object, timed: object, name: str) -> None:
    for module in list(sys.modules.values()):
        if getattr(module, "__name__", "").startswith("digest.") and getattr(module, name, None) is call:
            setattr(module, name, timed)


# --- the plain way ---


def plain(port: int) -> dict[str, Any]:
    """Jinja, ``EmailMessage``, one smtplib connection; issues are in memory before the clock starts."""
    from digest.render import MailContext, mailto, render_html, render_text

    issues = _load()
    context = MailContext(
        list_name="Paper digest", unsubscribe_mailto=mailto(SENDER, subject="unsubscribe x")
    )
    split = Split()
    render = split.wrap("render", lambda view: (render_text(view, context), render_html(view, context)))
    assemble = split.wrap("assemble", _as_email)
    began, cpu = time.perf_counter(), time.process_time()
    with smtplib.SMTP("127.0.0.1", port) as smtp:
        send = split.wrap("send", smtp.sendmail)
        for number, (view, recipient) in enumerate(issues):
            text, html = render(view)
            send(SENDER, recipient, assemble(number, view, recipient, text, html))
    took = {"wall": time.perf_counter() - began, "cpu": time.process_time() - cpu}
    return {**took, "mails": len(issues), "parts": dict(split.seconds)}


def _load() -> list[tuple[Any, str]]:
    """All issues of the current folder's database with whom they go to."""
    from sqlmodel import select

    from digest.app import make_app
    from digest.checking import read_settings
    from digest.models import Delivery
    from digest.storage import issues

    with closing(make_app(read_settings()).database) as database, database.read() as session:
        rows = list(session.exec(select(Delivery.issue_id, Delivery.recipient)))
        views = issues.load_issue_views(session, [issue_id for issue_id, _ in rows if issue_id is not None])
    return [(views[issue_id], recipient) for issue_id, recipient in rows if issue_id is not None]


def _as_email(number: int, view: Any, recipient: str, text: str, html: str) -> bytes:
    message = EmailMessage()
    message["Date"] = format_datetime(DUE)
    message["From"] = f"Paper digest <{SENDER}>"
    message["To"] = recipient
    message["Subject"] = view.subject
    message["Message-ID"] = f"<{number}.{view.local_date}@lists.example.org>"
    message["List-Id"] = "<digest.lists.example.org>"
    message["List-Unsubscribe"] = f"<mailto:{SENDER}?subject=unsubscribe%20{number:040d}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    return message.as_bytes()


# --- rss2email ---


def find_rss2email(folder: Path, given: str | None) -> str:
    """The path of ``r2e``: as given, else installed into an environment of its own."""
    if given:
        return given
    subprocess.run([sys.executable, "-m", "venv", folder], check=True, stdout=subprocess.DEVNULL)
    pip = [folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", "rss2email==3.14"]
    subprocess.run(pip, check=True, capture_output=True)
    return str(folder / "bin" / "r2e")


def prepare_rss2email(program: str, folder: Path, port: int, mails: int, papers: int) -> list[str]:
    """A feed of so many entries with so many papers in each, and the command that mails them all."""
    from bench import generated

    folder.mkdir()
    texts = list(generated.texts(CANDIDATES))
    entries = []
    for number in range(mails):
        chosen = [texts[(number + 7 * place) % CANDIDATES] for place in range(papers)]
        body = "".join(
            f"<h3><a href='https://example.org/{n}'>{t}</a></h3><p>{a[:340]}</p>"
            for n, (t, a) in enumerate(chosen)
        )
        link = f"https://example.org/{number}"
        entries.append(
            f"<item><title>{chosen[0][0]}</title><link>{link}</link><guid>{link}</guid>"
            f"<description>{escape(body)}</description></item>"
        )
    feed = folder / "feed.xml"
    feed.write_text(
        "<?xml version='1.0'?><rss version='2.0'><channel><title>Papers</title>"
        f"<link>https://example.org</link><description>d</description>{''.join(entries)}</channel></rss>"
    )
    base = [program, "-c", str(folder / "config"), "-d", str(folder / "seen")]
    subprocess.run([*base, "new", "reader@example.org"], check=True, capture_output=True)
    subprocess.run([*base, "add", "papers", str(feed)], check=True, capture_output=True)
    ours = {"email-protocol": "smtp", "smtp-server": "127.0.0.1", "smtp-port": str(port), "smtp-ssl": "False"}
    lines = (folder / "config").read_text().splitlines()
    changed = [
        f"{name} = {ours[name]}" if (name := line.partition(" = ")[0]) in ours else line for line in lines
    ]
    (folder / "config").write_text("\n".join([*changed, ""]))
    return [*base, "run"]
